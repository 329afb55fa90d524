"""While a freeze rests on an SLO nobody eases it alone: its end is judged by it, so a second person agrees first."""

from dataclasses import fields

from opsportal.errors import Conflict
from opsportal.web import words as web
from slos.models import BudgetFreeze, Slo, SloPart
from slos.objectives.definition import Definition, definition_of
from slos.states import SloState

# Changes of these ease nothing: they change neither what is counted nor what is asked of it.
HARMLESS = {"name", "description", "team", "burn_alerts", "openslo", "target"}
ASKED = [one.name for one in fields(Definition) if one.name not in HARMLESS]


def running_freeze(slo: Slo) -> BudgetFreeze | None:
    """The freeze that a policy began by this SLO and that still runs."""
    return BudgetFreeze.objects.filter(slo=slo, ended_at=None).select_related("freeze").first()


def needs_agreement(slo: Slo, definition: Definition) -> bool:
    """Whether a second person has to agree: the change may end a freeze sooner than what stands."""
    return _may_ease(definition_of(slo), definition) and running_freeze(slo) is not None


def check_easing(slo: Slo, definition: Definition) -> None:
    """Raises Conflict `agreement_needed`."""
    if _may_ease(definition_of(slo), definition):
        _check_nothing_rests_on(slo, "what may ease it")


def check_retiring(slo: Slo) -> None:
    """A retired one begins no freeze again, so nobody retires it alone. Raises Conflict `agreement_needed`."""
    _check_nothing_rests_on(slo, "retiring it")


def check_no_part(slo: Slo) -> None:
    """A composite in force needs its parts. Raises Conflict `part_of`."""
    composite = SloPart.objects.filter(part=slo).exclude(composite__state=SloState.RETIRED.value).first()
    if composite is not None:
        raise Conflict("part_of", f"It is a part of {composite.composite}; take it out there first.")


def _check_nothing_rests_on(slo: Slo, what: str) -> None:
    running = running_freeze(slo)
    if running is not None:
        until = web.utc(running.freeze.until)
        text = f"A freeze rests on this SLO, until {until} at the latest. A second person agrees to {what}: propose it."
        raise Conflict("agreement_needed", text)


def _may_ease(before: Definition, after: Definition) -> bool:
    """A lower target does; what is measured otherwise, or over another window, may."""
    if after.target < before.target:
        return True
    return any(getattr(before, name) != getattr(after, name) for name in ASKED)
