"""Entering and changing automations. Whatever puts new behaviour into production asks the gate first."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from opsportal.audit.engine import Actor
from opsportal.catalog import queries
from opsportal.catalog.models import Automation, Part, Responsibility
from opsportal.catalog.operations.checking import check, check_raci
from opsportal.catalog.operations.trail import locked, note, pass_gate
from opsportal.catalog.shapes import MONEY, PEOPLE, PLAIN, shown
from opsportal.errors import Conflict, InvalidInput

FIELDS = ("team", *PEOPLE, *PLAIN, *MONEY, "raci")  # what may be set
# A change of these changes how the automation behaves or how much it may cost, so it passes the gate. Who answers for
# it, what it is called and what is known about it can be set right at any time.
GATED_FIELDS = frozenset({"tier", "platform"})


def create_automation(*, slug: str, name: str, actor: Actor, now: datetime, **values: Any) -> Automation:
    """Enter an automation as a draft. Raises InvalidInputs; Conflict when the slug is taken."""
    automation = Automation(slug=slug, created_at=now, updated_at=now)
    raci = _set(automation, {"name": name, **values})
    check(automation)
    try:
        with transaction.atomic():
            automation.save(force_insert=True)
            _write_raci(automation, raci)
            note(automation, "automation.created", actor, now, after=shown(automation))
    except IntegrityError as error:
        raise Conflict("slug_taken", f"There is an automation “{slug}” already.", field="slug") from error
    return automation


@transaction.atomic
def change_automation(
    automation: Automation,
    *,
    values: Mapping[str, Any],
    actor: Actor,
    now: datetime,
    change: str = queries.Change.FEATURE,
    reason: str = "",
) -> Automation:
    """Change some of FIELDS. Raises InvalidInputs, and Conflict `frozen` when the gate holds `change` back.

    The tier of what is in service, or of what was agreed once, is no field any more: `agreement_needed`.
    """
    automation = locked(automation)
    before = shown(automation)
    raci = _set(automation, values)
    check(automation)
    _write_raci(automation, raci)
    after = shown(automation)
    different = [name for name in after if after[name] != before[name]]
    if not different:
        return automation
    if "tier" in different and queries.needs_agreement(automation):
        text = "RevOps and sales leadership agree on the tier of an automation in service: propose another one."
        raise Conflict("agreement_needed", text, field="tier")
    if GATED_FIELDS.intersection(different):
        pass_gate(automation, change, now)
    automation.updated_at = now
    automation.save()
    note(
        automation,
        "automation.changed",
        actor,
        now,
        reason=reason,
        before={name: before[name] for name in different},
        after={name: after[name] for name in different},
    )
    return automation


def _set(automation: Automation, values: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Set the fields; answers the RACI where it is given, to be written once the row stands."""
    unknown = set(values) - set(FIELDS)
    if unknown:
        raise InvalidInput("unknown_field", f"There is no such field: {', '.join(sorted(unknown))}.")
    raci: Mapping[str, Any] | None = values.get("raci")
    for name, value in values.items():
        if name != "raci":
            setattr(automation, name, value)
    if raci is not None:
        check_raci(raci)
        automation.accountable = raci.get("accountable")
    return raci


def _write_raci(automation: Automation, raci: Mapping[str, Any] | None) -> None:
    if raci is None:
        return
    automation.responsibilities.all().delete()
    Responsibility.objects.bulk_create(
        Responsibility(automation=automation, person=person, part=part)
        for part in Part.values
        for person in {person.pk: person for person in raci.get(part, ())}.values()
    )
