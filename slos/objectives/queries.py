"""Reads about objectives: who sees and who may write them, versions, stretches that do not count."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, Prefetch, QuerySet, prefetch_related_objects

from opsportal.approvals.models import Approval
from opsportal.catalog.models import Automation
from opsportal.catalog.registry import is_read
from opsportal.errors import NotFound
from opsportal.identity.actors import Principal
from opsportal.identity.models import Person
from opsportal.identity.roles import Role
from slos.models import Exclusion, Fact, Slo, SloPart, SloVersion
from slos.models.objectives import SloQuerySet
from slos.states import SliKind, SloState

WRITE = "slos:write"
BESIDE = ("heartbeat", "rule", "team", "reading")
NAMES = ("automation__team", "automation__owner", "heartbeat", "rule", "team")


def list_slos(principal: Principal | None) -> SloQuerySet:
    """What this person or token may see, with the names and the reading of its budget that a page shows."""
    named = Slo.objects.select_related(*NAMES, "reading")
    return named.visible_to(principal).prefetch_related(_parts())


def list_for_table(principal: Principal | None) -> SloQuerySet:
    """The same as a table needs them, which names only the automation."""
    return Slo.objects.select_related("automation", "reading").visible_to(principal).prefetch_related(_parts())


def get_slo(slug: str, *, principal: Principal | None) -> Slo:
    """The SLO of that slug as far as `principal` may see it; raises NotFound."""
    return _found(list_slos(principal), slug)


def get_for_page(slug: str, *, principal: Principal | None, now: datetime) -> Any:
    """The same with whether something is wrong (`has_facts`) and whether somebody is to decide (`has_waiting`)."""
    facts = Fact.objects.going_on().filter(slo=OuterRef("pk"))
    asked = Approval.objects.pending(now).filter(subject_type="slo", subject_id=OuterRef("slug"))
    rows = list_slos(principal).prefetch_related(None)
    slo = _found(rows.annotate(has_facts=Exists(facts), has_waiting=Exists(asked)), slug)
    if slo.kind == SliKind.COMPOSITE:
        prefetch_related_objects([slo], _parts())
    return slo


def list_slos_of(automation: Automation) -> list[Slo]:
    """Those of an automation that are not retired, by name."""
    rows = automation.slos.all()
    if not is_read(automation, "slos"):
        rows = rows.select_related(*BESIDE)
    return sorted((one for one in rows if one.state != SloState.RETIRED), key=lambda one: one.name)


def with_slos(automations: QuerySet[Automation]) -> QuerySet[Automation]:
    """Read with their SLOs, for pages."""
    return automations.prefetch_related(Prefetch("slos", Slo.objects.select_related(*BESIDE)))


def list_versions(slo: Slo) -> list[SloVersion]:
    return list(slo.versions.select_related("author"))


def list_exclusions(slo: Slo) -> list[Exclusion]:
    """Those of the SLO and of its automation, newest first; withdrawn ones too."""
    return list(Exclusion.objects.of(slo).select_related("author", "approved_by"))


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


def _parts() -> Prefetch[Any]:
    return Prefetch("parts", SloPart.objects.select_related("part__reading"))


def _found(rows: SloQuerySet, slug: str) -> Slo:
    slo = rows.filter(slug=slug).first() if "\x00" not in slug else None
    if slo is None:
        raise NotFound("unknown_slo", f"There is no SLO “{slug[:80]}”.")
    return slo


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
