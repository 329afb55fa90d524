"""How an SLO's definition is read: what it counts, in which buckets, and what of runs violates it."""

from datetime import timedelta

from slos.budgets.engine import buckets
from slos.models import Slo
from slos.states import SliKind, SliMethod, SloState

# Kinds that are told from runs.
OF_RUNS = (SliKind.AVAILABILITY.value, SliKind.LATENCY.value, SliKind.FRESHNESS.value)


def counts_downtime(slo: Slo) -> bool:
    """A heartbeat knows nothing but outages, so it counts downtime whatever its method says."""
    return slo.kind == SliKind.HEARTBEAT or (slo.method == SliMethod.DOWNTIME and slo.kind in OF_RUNS)


def counts_slices(slo: Slo) -> bool:
    return slo.method == SliMethod.TIME_SLICES and slo.kind in OF_RUNS


def counts_time(slo: Slo) -> bool:
    return counts_downtime(slo) or counts_slices(slo)


def has_buckets(slo: Slo) -> bool:
    """Whether runs are added up for it as events or slices."""
    return slo.kind in OF_RUNS and not counts_downtime(slo)


def is_rolled_up(slo: Slo) -> bool:
    """Drafts are, too: what they would have given is looked at before they count."""
    return slo.kind in OF_RUNS and slo.automation_id is not None and slo.state != SloState.RETIRED


def base_width(slo: Slo) -> int:
    """Seconds of its narrowest bucket: a minute, or a slice. Slices divide the day and are whole minutes."""
    width = slo.slice_seconds or buckets.MINUTE
    if not counts_slices(slo) or width < buckets.MINUTE or width % buckets.MINUTE or buckets.DAY % width:
        return buckets.MINUTE
    return width


def run_limit(slo: Slo) -> timedelta | None:
    """The length of a run beyond which the overage is downtime."""
    if slo.kind == SliKind.LATENCY and slo.threshold_ms:
        return timedelta(milliseconds=slo.threshold_ms)
    if slo.kind != SliKind.FRESHNESS and slo.max_run_seconds:
        return timedelta(seconds=slo.max_run_seconds)
    return None


def streak_length(slo: Slo) -> int | None:
    """How many failures in a row are downtime."""
    return slo.consecutive_failures or None if slo.kind == SliKind.AVAILABILITY else None


def lag_limit(slo: Slo) -> timedelta | None:
    """The age of the newest delivered data from which on it is downtime."""
    is_lag = slo.kind == SliKind.FRESHNESS and slo.threshold_ms
    return timedelta(milliseconds=slo.threshold_ms or 0) if is_lag else None


def minds_heartbeats(slo: Slo) -> bool:
    """Whether a missed heartbeat is bad time of its own."""
    return slo.kind == SliKind.HEARTBEAT or (counts_time(slo) and slo.kind == SliKind.AVAILABILITY)
