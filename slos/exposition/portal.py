"""What /metrics says of the portal itself: whether it looks, and what waits to be sent, claimed, added up or named."""

from collections.abc import Iterator
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version

from opsportal.facts.queries import count_unclaimed
from opsportal.notify.models import Delivery
from opsportal.sweeps.queries import sweep_ages
from slos.exposition.engine.text import GAUGE, INFO, Family, labels
from slos.models import DirtyMinute, UnmatchedReport


def families(now: datetime) -> Iterator[Family]:
    yield _build()
    yield from _sweeps(now)
    outbox = Family("opsportal_outbox_waiting", GAUGE, "Messages on their way that have not arrived or been given up.")
    outbox.add("", Delivery.objects.filter(finished_at=None).count())
    yield outbox
    facts = Family("opsportal_facts_unclaimed", GAUGE, "Facts that nobody has claimed or resolved.")
    for (room, kind), number in count_unclaimed().items():
        facts.add(labels(room=room, kind=kind), number)
    yield facts
    dirty = Family("opsportal_rollups_waiting", GAUGE, "Minutes that wait to be added up.")
    dirty.add("", DirtyMinute.objects.count())
    yield dirty
    unmatched = Family(
        "opsportal_n8n_reports_unmatched", GAUGE, "Failures of n8n workflows that are no automation yet."
    )
    unmatched.add("", UnmatchedReport.objects.count())
    yield unmatched


def _sweeps(now: datetime) -> Iterator[Family]:
    age = Family("opsportal_sweep_age_seconds", GAUGE, "Since the sweep last went well; absent if never.")
    stale = Family("opsportal_sweep_stale", GAUGE, "1 when a sweep is late.")
    failing = Family("opsportal_sweep_failing", GAUGE, "1 when the last run of a sweep failed.")
    for one in sweep_ages(now):
        if one.age is not None:
            age.add(labels(sweep=one.name), round(one.age.total_seconds(), 3))
        stale.add(labels(sweep=one.name), int(one.stale))
        failing.add(labels(sweep=one.name), int(one.failing))
    yield from (age, stale, failing)


def _build() -> Family:
    info = Family("opsportal_build", INFO, "Which release this is.")
    try:
        info.add(labels(version=version("opsportal")), 1)
    except PackageNotFoundError:  # run from a checkout
        info.add(labels(version="unreleased"), 1)
    return info
