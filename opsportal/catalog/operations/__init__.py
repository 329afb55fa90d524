"""Writing the catalogue."""

from opsportal.catalog.operations.automations import (
    FIELDS,
    change_automation,
    create_automation,
)
from opsportal.catalog.operations.checking import LINK_KINDS
from opsportal.catalog.operations.costs import add_cost_line, end_cost_line
from opsportal.catalog.operations.releases import cancel_release, plan_release, record_release
from opsportal.catalog.operations.service import (
    activate_automation,
    clear_degraded,
    pause_automation,
    resume_automation,
    retire_automation,
    set_degraded,
    switch_fallback,
)
from opsportal.catalog.operations.upkeep import (
    CREDENTIAL_FIELDS,
    add_credential,
    add_switch,
    change_credential,
    flip_switch,
    remove_switch,
    retire_credential,
    tick_item,
)
from opsportal.catalog.operations.workflows import (
    Imported,
    confirm_workflows,
    import_workflows,
    upload_workflows,
)

__all__ = [
    "CREDENTIAL_FIELDS",
    "FIELDS",
    "LINK_KINDS",
    "Imported",
    "activate_automation",
    "add_cost_line",
    "add_credential",
    "add_switch",
    "cancel_release",
    "change_automation",
    "change_credential",
    "clear_degraded",
    "confirm_workflows",
    "create_automation",
    "end_cost_line",
    "flip_switch",
    "import_workflows",
    "pause_automation",
    "plan_release",
    "record_release",
    "remove_switch",
    "resume_automation",
    "retire_automation",
    "retire_credential",
    "set_degraded",
    "switch_fallback",
    "tick_item",
    "upload_workflows",
]
