"""Automations are edited here through the same operations as everywhere; all that belongs to them is only read."""

from typing import Any

from django.contrib import admin

from opsportal import clock
from opsportal.catalog import operations
from opsportal.catalog.models import (
    Automation,
    ChecklistTick,
    CostLine,
    Credential,
    Freeze,
    Release,
    Responsibility,
    Switch,
    Workflow,
    WorkflowVersion,
)
from opsportal.identity.actors import actor_of
from opsportal.web.admin import OperationAdmin, OperationForm, ReadOnlyAdmin

# What an empty field of the form means.
EMPTY: dict[str, Any] = {"links": [], "journeys": [], "limits": {}, "currency": "USD"}


class AutomationAdminForm(OperationForm):
    class Meta:
        model = Automation
        fields = ["slug", *(name for name in operations.FIELDS if name != "raci")]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["currency"].required = False

    def write(self, values: dict[str, Any]) -> Automation:
        actor, now = actor_of(self.request), clock.now()
        values |= {name: values[name] or empty for name, empty in EMPTY.items()}
        if self.instance.pk is None:
            return operations.create_automation(**values, actor=actor, now=now)
        values.pop("slug", None)
        return operations.change_automation(self.instance, values=values, actor=actor, now=now)


@admin.register(Automation)
class AutomationAdmin(OperationAdmin):
    form = AutomationAdminForm
    list_display = ["name", "slug", "state", "tier", "platform", "team", "owner", "backup_owner"]
    list_filter = ["state", "tier", "platform", "team"]
    list_select_related = ["team", "owner", "backup_owner"]
    search_fields = ["slug", "name"]


@admin.register(Freeze)
class FreezeAdmin(ReadOnlyAdmin):
    list_display = ["scope", "team", "automation", "kind", "from_at", "until", "reason", "lifted_at"]
    list_filter = ["scope", "kind"]
    list_select_related = ["team", "automation"]


@admin.register(Responsibility)
class ResponsibilityAdmin(ReadOnlyAdmin):
    list_display = ["automation", "person", "part"]
    list_filter = ["part"]
    list_select_related = ["automation", "person"]


@admin.register(Credential)
class CredentialAdmin(ReadOnlyAdmin):
    list_display = ["name", "automation", "kind", "expires_at", "is_too_broad", "retired_at"]
    list_filter = ["kind", "is_too_broad"]
    list_select_related = ["automation"]
    search_fields = ["name", "reference"]


@admin.register(Release)
class ReleaseAdmin(ReadOnlyAdmin):
    list_display = ["version", "automation", "risk", "planned_at", "released_at", "watch_until", "passed_freeze"]
    list_filter = ["risk", "passed_freeze"]
    list_select_related = ["automation"]
    search_fields = ["version", "notes"]


@admin.register(Switch)
class SwitchAdmin(ReadOnlyAdmin):
    list_display = ["label", "automation", "is_on", "gated", "changed_at", "changed_by"]
    list_filter = ["is_on", "gated"]
    list_select_related = ["automation"]


@admin.register(ChecklistTick)
class ChecklistTickAdmin(ReadOnlyAdmin):
    list_display = ["item", "automation", "ticked_at", "ticked_by"]
    list_select_related = ["automation"]


@admin.register(CostLine)
class CostLineAdmin(ReadOnlyAdmin):
    list_display = ["tool", "note", "amount", "currency", "from_date", "until_date"]
    list_filter = ["currency"]


@admin.register(Workflow)
class WorkflowAdmin(ReadOnlyAdmin):
    list_display = ["name", "automation", "external_id", "imported_at"]
    list_select_related = ["automation"]


@admin.register(WorkflowVersion)
class WorkflowVersionAdmin(ReadOnlyAdmin):
    list_display = ["workflow", "sha256", "node_count", "is_active", "imported_at", "imported_by"]
    list_select_related = ["workflow"]
