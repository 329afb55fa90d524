"""Reads about facts and watches: what is wrong now, for whom, and how it is looked at."""

from collections.abc import Collection
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet

from opsportal.catalog.models import Automation
from opsportal.catalog.registry import is_read
from opsportal.identity.actors import Principal
from slos.models import Fact, Heartbeat, Slo, Watch
from slos.objectives import thresholds
from slos.states import SloState

SHOWN = 5


def list_facts(principal: Principal | None) -> QuerySet[Fact]:
    """What this person or token may see, with the names a page shows."""
    return Fact.objects.visible_to(principal).select_related("automation", "slo", "heartbeat")


def with_facts(automations: QuerySet[Automation]) -> QuerySet[Automation]:
    """Read with whether something is wrong with them, for pages."""
    return automations.annotate(has_facts=Exists(Fact.objects.going_on().filter(automation=OuterRef("pk"))))


def list_going_on(automation: Automation) -> list[Fact]:
    """What is wrong with an automation now, newest first."""
    if not getattr(automation, "has_facts", True):
        return []
    rows = Fact.objects.going_on().filter(automation=automation).select_related("slo", "heartbeat")
    found = list(rows.order_by("-occurred_at")[:SHOWN])
    for fact in found:
        fact.automation = automation
    return found


def count_going_on(principal: Any) -> int:
    return Fact.objects.visible_to(principal).going_on().count()


def get_watch(automation: Automation) -> Watch:
    """How it is watched; what holds for one that nobody has set yet."""
    return Watch.objects.filter(automation=automation).first() or Watch(automation=automation)


def with_alert(automations: Collection[Automation]) -> set[int]:
    """Of these automations the keys of those where somebody would be told: a burn alert that can fire, a heartbeat."""
    if all(is_read(one, "slos", "heartbeats") for one in automations):
        return {one.pk for one in automations if one.heartbeats.all() or any(map(_alerts, one.slos.all()))}
    keys = [one.pk for one in automations]
    slos = Slo.objects.in_force().filter(automation__in=keys)
    alerted = {slo.automation_id for slo in slos if slo.automation_id is not None and _alerts(slo)}
    return alerted.union(Heartbeat.objects.filter(automation__in=keys).values_list("automation_id", flat=True))


def _alerts(slo: Slo) -> bool:
    return slo.state == SloState.ACTIVE and bool(thresholds.of(slo).alerts)
