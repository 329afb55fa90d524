"""Setting how an automation is watched: which tests look at it, and what they may cost in attention."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction

from opsportal.audit import operations as audit
from opsportal.audit.engine import Actor, Draft, Subject
from opsportal.catalog.models import Automation
from opsportal.errors import InvalidInput, InvalidInputs
from slos.models import Watch

FIELDS = (
    "watches_volume",
    "volume_rule",
    "volume_factor",
    "watches_drift",
    "drift_factor",
    "false_alarms_per_year",
)
RULES = ("test", "factor", "both")


@transaction.atomic
def change_watch(
    automation: Automation, *, values: Mapping[str, Any], actor: Actor, now: datetime, reason: str = ""
) -> Watch:
    """Set some of FIELDS. Raises InvalidInputs."""
    Watch.objects.get_or_create(automation=automation)
    watch = Watch.objects.select_for_update().get(automation=automation)
    before = _shown(watch)
    for name in FIELDS:
        setattr(watch, name, values.get(name, getattr(watch, name)))
    _check(watch)
    after = _shown(watch)
    changed = [name for name in FIELDS if before[name] != after[name]]
    if not changed:
        return watch
    watch.save(update_fields=changed)
    audit.record(
        Draft(
            actor=actor,
            action="slo.watch_changed",
            subject=Subject("automation", automation.slug, automation.name),
            at=now,
            team=automation.team.slug if automation.team else "",
            reason=reason or ", ".join(changed),
            before={name: before[name] for name in changed},
            after={name: after[name] for name in changed},
        )
    )
    return watch


def _check(watch: Watch) -> None:
    errors = [
        InvalidInput("out_of_range", "A factor is above 1 and at most 1,000.", field=name)
        for name in ("volume_factor", "drift_factor")
        if not 1 < getattr(watch, name) <= 1_000
    ]
    if not Decimal("0.01") <= watch.false_alarms_per_year <= 365:
        text = "Between one in a hundred years and one a day."
        errors.append(InvalidInput("out_of_range", text, field="false_alarms_per_year"))
    if watch.volume_rule not in RULES:
        errors.append(InvalidInput("invalid", f"A rule is one of {', '.join(RULES)}.", field="volume_rule"))
    if errors:
        raise InvalidInputs(errors)


def _shown(watch: Watch) -> dict[str, Any]:
    return {name: str(getattr(watch, name)) for name in FIELDS}
