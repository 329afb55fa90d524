"""How runs are told on pages: words and tones of their statuses, one sentence for each."""

from opsportal.web import words
from slos.models import Run
from slos.states import RunStatus

TONES = {
    RunStatus.RUNNING: "calm",
    RunStatus.SUCCEEDED: "good",
    RunStatus.FAILED: "bad",
    RunStatus.CANCELLED: "warn",
}
STEP_TONES = {"running": "calm", "succeeded": "good", "failed": "bad", "skipped": "calm", "cancelled": "warn"}
STATUSES = [(one.value, one.value.capitalize()) for one in RunStatus]


def sentence(run: Run) -> str:
    """What became of it, in one breath."""
    if run.status == RunStatus.RUNNING:
        return f"{run.automation.name} has not told the end of this run yet."
    took = "" if run.duration_ms is None else f" after {length(run.duration_ms)}"
    verb = {"succeeded": "ended well", "failed": "failed", "cancelled": "was cancelled"}[run.status]
    why = f": {run.error_type}" if run.error_type else ""
    empty = ", and put out nothing" if run.status == RunStatus.SUCCEEDED and run.items_out == 0 else ""
    return f"This run of {run.automation.name} {verb}{took}{why}{empty}."


def length(milliseconds: int) -> str:
    """`350 ms`, `4.2 s`, `1 min 12 s`, `12 min`."""
    if milliseconds < 1_000:
        return f"{milliseconds} ms"
    if milliseconds < 60_000:
        return f"{milliseconds / 1000:.1f} s"
    minutes, seconds = divmod(milliseconds // 1000, 60)
    return f"{minutes} min {seconds} s" if minutes < 10 and seconds else words.duration(milliseconds / 1000)
