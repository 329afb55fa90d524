"""Reads about objectives: who sees and who may write them, versions, stretches that do not count."""

from collections.abc import Collection
from datetime import datetime

from django.db.models import Prefetch

from opsportal.catalog.models import Automation
from opsportal.errors import NotFound
from opsportal.identity.actors import Principal
from opsportal.identity.models import Person
from opsportal.identity.roles import Role
from slos.models import Exclusion, Slo, SloPart, SloVersion
from slos.models.objectives import SloQuerySet
from slos.states import SloState

WRITE = "slos:write"


def list_slos(principal: Principal | None) -> SloQuerySet:
    """What this person or token may see, with the names a page shows."""
    parts = Prefetch("parts", SloPart.objects.select_related("part"))
    named = Slo.objects.select_related("automation__team", "automation__owner", "heartbeat", "rule", "team")
    return named.visible_to(principal).prefetch_related(parts)


def get_slo(slug: str, *, principal: Principal | None) -> Slo:
    """The SLO of that slug as far as `principal` may see it; raises NotFound."""
    slo = list_slos(principal).filter(slug=slug).first() if "\x00" not in slug else None
    if slo is None:
        raise NotFound("unknown_slo", f"There is no SLO “{slug[:80]}”.")
    return slo


def list_slos_of(automation: Automation) -> list[Slo]:
    """Those of an automation that are not retired, by name."""
    rows = Slo.objects.filter(automation=automation).exclude(state=SloState.RETIRED.value)
    return list(rows.select_related("automation__team", "heartbeat", "rule", "team").order_by("name"))


def list_versions(slo: Slo) -> list[SloVersion]:
    return list(slo.versions.select_related("author"))


def list_exclusions(slo: Slo) -> list[Exclusion]:
    """Those of the SLO and of its automation, newest first; withdrawn ones too."""
    return list(Exclusion.objects.of(slo).select_related("author", "approved_by", "automation", "slo"))


def get_exclusion(slo: Slo, pk: int) -> Exclusion:
    """One of list_exclusions; raises NotFound."""
    found = Exclusion.objects.of(slo).select_related("author", "automation", "slo").filter(pk=pk).first()
    if found is None:
        raise NotFound("unknown_exclusion", "There is no such stretch.")
    return found


def exclusion_state(exclusion: Exclusion, now: datetime) -> str:
    """withdrawn, waiting for a second person, planned, running, over."""
    if exclusion.withdrawn_at is not None:
        return "withdrawn"
    if exclusion.approved_at is None:
        return "waiting"
    if now < exclusion.from_at:
        return "planned"
    return "running" if now < exclusion.until else "over"


def with_slo(automations: Collection[Automation]) -> set[int]:
    """Of these automations the keys of those that have an SLO in force; what readiness asks."""
    rows = Slo.objects.in_force().filter(automation__in=[one.pk for one in automations])
    return set(rows.values_list("automation_id", flat=True))


def may_write(principal: Principal | None, *automations: Automation | None) -> bool:
    """Whoever may write SLOs; and the owner and backup of every automation that is named, when one is."""
    if principal is None:
        return False
    if principal.allows(WRITE):
        return True
    own = [one is not None and principal.pk in (one.owner_id, one.backup_owner_id) for one in automations]
    return isinstance(principal, Person) and principal.is_active and bool(own) and all(own)


def may_propose(principal: Principal | None) -> bool:
    """Analysts propose; ops leads and owners write. A program proposes nothing."""
    return isinstance(principal, Person) and principal.is_active and Role.ANALYST in principal.roles
