"""An independent calculator of budgets for tests: straight from the runs, second by second, simple and slow."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from slos.models import Fact, Run, Slo

SECOND = timedelta(seconds=1)


def ended(slo: Slo) -> list[Run]:
    runs = Run.objects.filter(automation=slo.automation, finished_at__isnull=False)
    return sorted(runs, key=lambda one: (one.finished_at, one.pk))


def took(run: Run) -> timedelta:
    if run.duration_ms is not None:
        return timedelta(milliseconds=run.duration_ms)
    return run.finished_at - run.started_at


def is_bad(slo: Slo, run: Run) -> bool:
    if run.status == "failed":
        return True
    threshold = timedelta(milliseconds=slo.threshold_ms or 0)
    if slo.kind == "latency":
        return took(run) > threshold
    if slo.kind == "freshness":
        return run.finished_at - (run.occurred_at or run.started_at) > threshold
    return False


def minute(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)


def events(slo: Slo, start: datetime, end: datetime) -> tuple[int, int]:
    """Valid and bad runs of the minutes that begin in [start, end)."""
    judged = [one for one in ended(slo) if one.status != "cancelled" and start <= minute(one.finished_at) < end]
    return len(judged), sum(is_bad(slo, one) for one in judged)


def slices(slo: Slo, start: datetime, end: datetime, watermark: datetime) -> tuple[int, int]:
    """Seconds of slices with events, and of those that were bad, of the slices that begin in [start, end)."""
    width = slo.slice_seconds
    verdicts: dict[int, list[bool]] = {}
    for one in ended(slo):
        if one.status != "cancelled":
            verdicts.setdefault(int(one.finished_at.timestamp()) // width, []).append(is_bad(slo, one))
    valid = bad = 0
    for number, found in verdicts.items():
        begins = datetime.fromtimestamp(number * width, UTC)
        if start <= begins < end and begins + width * SECOND <= watermark:
            valid += width
            bad += width if (len(found) - sum(found)) * 100 < slo.slice_target * len(found) else 0
    return valid, bad


def timeline(slo: Slo, start: datetime, end: datetime) -> list[bool]:
    """Whether a rule is violated in each second from `start` on. Instants are brought down to whole seconds."""
    return [any(verdicts) for verdicts in zip(*(rule(slo, start, end) for rule in RULES), strict=True)]


def _seconds(start: datetime, end: datetime) -> range:
    return range(int(start.timestamp()), int(end.timestamp()))


def _over(slo: Slo, start: datetime, end: datetime) -> list[bool]:
    limit = (slo.threshold_ms or 0) // 1_000 if slo.kind == "latency" else slo.max_run_seconds
    if not limit or slo.kind == "freshness":
        return [False] * len(_seconds(start, end))
    runs: Iterable[Run] = Run.objects.filter(automation=slo.automation)
    lives = [(int(one.started_at.timestamp()) + limit, one.finished_at or end) for one in runs]
    return [any(late <= at < int(until.timestamp()) for late, until in lives) for at in _seconds(start, end)]


def _failing(slo: Slo, start: datetime, end: datetime) -> list[bool]:
    """Second by second: the last run that ended has failed, and so many failed together with it."""
    runs = [one for one in ended(slo) if one.status != "cancelled"]
    together = [0] * len(runs)
    for number, one in enumerate(runs):
        if one.status == "failed":
            others = range(number, len(runs))
            last = next((n for n in others if runs[n].status != "failed"), len(runs))
            first = next((n + 1 for n in range(number, -1, -1) if runs[n].status != "failed"), 0)
            together[number] = last - first
    found, number = [], -1
    for at in _seconds(start, end):
        while number + 1 < len(runs) and int(runs[number + 1].finished_at.timestamp()) <= at:
            number += 1
        k = slo.consecutive_failures or 10**9
        found.append(slo.kind == "availability" and number >= 0 and together[number] >= k)
    return found


def _missed(slo: Slo, start: datetime, end: datetime) -> list[bool]:
    facts = Fact.objects.filter(automation=slo.automation, kind__in=("heartbeat_down", "silence"))
    gaps = [(int(one.occurred_at.timestamp()), int((one.ended_at or end).timestamp())) for one in facts]
    is_minded = slo.kind == "availability"
    return [is_minded and any(since <= at < until for since, until in gaps) for at in _seconds(start, end)]


def _stale(slo: Slo, start: datetime, end: datetime) -> list[bool]:
    delivered = [one for one in ended(slo) if one.status == "succeeded"]
    threshold, found, number, newest = (slo.threshold_ms or 0) // 1_000, [], 0, 0
    for at in _seconds(start, end):
        while number < len(delivered) and int(delivered[number].finished_at.timestamp()) <= at:
            one = delivered[number]
            newest, number = max(newest, int((one.occurred_at or one.started_at).timestamp())), number + 1
        found.append(slo.kind == "freshness" and newest > 0 and at - newest >= threshold)
    return found


RULES = (_over, _failing, _missed, _stale)
