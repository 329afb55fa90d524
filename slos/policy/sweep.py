"""The sweep of the policies: every SLO whose day is over and has not been judged yet, days in order. A portal that was
down catches up; where several sweepers run, each SLO is judged by one of them.
"""

import logging
import time
from collections.abc import Iterator
from datetime import date, datetime

from opsportal.sweeps.registry import SweepResult
from slos.budgets.knowledge import watermark
from slos.models import BudgetFreeze, Policy, PolicyVersion, Slo, Standing
from slos.policy import deciding, readings
from slos.policy.deciding import Case
from slos.policy.engine import DAY
from slos.policy.rules import rules_of
from slos.policy.scope import slos_of

BATCH = 50
MOST_DAYS = 120  # of one SLO in one round; the rest follows in the next
LIMIT_SECONDS = 8.0

log = logging.getLogger("slos.policy")


class SweepIncomplete(Exception):
    """Some SLOs could not be judged; all others were. Makes the run count as failed, so that somebody looks."""


def sweep_policies(now: datetime) -> SweepResult:
    """Judge what is due for about eight seconds at most."""
    until = time.monotonic() + LIMIT_SECONDS
    total = SweepResult(fired=deciding.expire_freezes(now))
    mark = watermark()
    if mark is None:
        return total
    failed = []
    for policy in Policy.objects.all():
        for due in _batches(list(_due(policy, min(mark.at, now)))):
            if time.monotonic() > until:
                return total
            for case in _cases(policy, due):
                try:
                    total += SweepResult(examined=1, fired=deciding.decide(case, now=now))
                except Exception:
                    log.exception("The SLO %s could not be judged by %s.", case.slo.slug, policy.slug)
                    failed.append(case.slo.slug)
    if failed:
        raise SweepIncomplete(f"{len(failed)} SLOs could not be judged, the first is {failed[0]}.")
    return total


Due = tuple[Slo, date, date, bool]  # the SLO, the first and the last day to judge, whether freezes alone are


def _due(policy: Policy, mark: datetime) -> Iterator[Due]:
    judged_until = dict(Standing.objects.filter(policy=policy).values_list("slo_id", "day"))
    frozen = set(BudgetFreeze.objects.filter(policy=policy, ended_at=None).values_list("slo_id", flat=True))
    covered = list(slos_of(policy)) if policy.state == "active" else []
    left = frozen - {slo.pk for slo in covered}
    others = list(Slo.objects.filter(pk__in=left).select_related("automation__team", "automation__owner__team"))
    for slo, ends_only in [*((one, False) for one in covered), *((one, True) for one in others)]:
        last = readings.last_complete_day(slo, mark)
        seen: date = judged_until.get(slo.pk) or last - DAY
        if seen < last:
            yield slo, seen + DAY, min(last, seen + MOST_DAYS * DAY), ends_only


def _batches(due: list[Due]) -> Iterator[list[Due]]:
    for start in range(0, len(due), BATCH):
        yield due[start : start + BATCH]


def _cases(policy: Policy, due: list[Due]) -> Iterator[Case]:
    version = PolicyVersion.objects.get(policy=policy, number=policy.version)
    rules = rules_of(version.definition["rules"])
    first = min(readings.first_day_needed(rules, slo, day) for slo, day, _, _ in due)
    last = max(last for _, _, last, _ in due)
    series = readings.series_of_many([slo for slo, *_ in due], first, last)
    for slo, _, until, ends_only in due:
        yield Case(policy, version, slo, series[slo.pk], until, ends_only)
