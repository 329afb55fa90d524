"""Pages of runs: the list, the story of one, and what the page of an automation shows of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse

from opsportal.catalog.models import Automation
from opsportal.errors import NotFound
from opsportal.identity.actors import principal_of
from opsportal.identity.permissions import scope_required
from opsportal.web import charts
from opsportal.web.listing import list_page
from slos.models import Run
from slos.runs import queries, words
from slos.runs.tables import RunFilter, RunTable
from slos.states import RunStatus

LAST = 40


@dataclass(frozen=True, slots=True)
class StepBar:
    """A step on the line from the run's beginning to its end; `at` and `width` in percent."""

    name: str
    word: str
    tone: str
    length: str
    at: float
    width: float


@scope_required("runs:read")
def list_view(request: HttpRequest) -> HttpResponseBase:
    """The list. Of one automation in the order of their beginning, else as they arrived: both by an index."""
    runs = queries.list_runs(principal_of(request)).select_related("automation")
    if request.GET.get("automation"):
        runs = runs.order_by("-started_at", "-id")
    return list_page(
        request,
        queryset=runs,
        table_class=RunTable,
        filter_class=RunFilter,
        title="Runs",
        context={"sentence": "What automations told of their work, the newest report first."},
        csv_name="runs",
    )


@scope_required("runs:read")
def detail(request: HttpRequest, pk: int) -> HttpResponse:
    """The story of one run."""
    try:
        run = queries.get_run(pk, principal=principal_of(request))
    except NotFound:
        raise Http404 from None
    context = {
        "run": run,
        "badge": run.status,
        "tone": words.TONES[RunStatus(run.status)],
        "sentence": words.sentence(run),
        "figures": _figures(run),
        "steps": step_bars(run.steps),
        "began_known": run.status == RunStatus.RUNNING or run.duration_ms is not None,
        "list_url": f"{reverse('runs:list')}?automation={run.automation.slug}",
    }
    return render(request, "slos/runs_detail.html", context)


def panel(request: HttpRequest, automation: Automation, now: datetime) -> Mapping[str, Any] | None:
    """The last runs of an automation as a strip; nothing for those who read no telemetry."""
    principal = principal_of(request)
    if principal is None or not principal.allows("runs:read"):
        return None
    runs = queries.last_runs(automation, LAST)
    cells = [
        charts.Cell(_label(one), words.TONES[RunStatus(one.status)], reverse("runs:detail", args=[one.pk]))
        for one in reversed(runs)
    ]
    gauge = getattr(automation, "queue_gauge", None)  # read with it
    for one in runs:
        one.tone = words.TONES[RunStatus(one.status)]  # type: ignore[attr-defined]
    return {
        "runs": runs,
        "strip": charts.strip(f"The last {len(cells)}, oldest first", cells) if runs else None,
        "gauge": gauge,
    }


def step_bars(steps: list[dict[str, Any]]) -> list[StepBar]:
    """Steps one after another, as far as they say how long they took."""
    lengths = [float(one.get("duration") or 0) for one in steps]
    whole, at, bars = sum(lengths), 0.0, []
    for one, seconds in zip(steps, lengths, strict=True):
        status = one.get("status", "succeeded")
        shown = words.length(int(seconds * 1000)) if one.get("duration") is not None else "–"
        share = 100 * seconds / whole if whole else 0.0
        bars.append(StepBar(one.get("name", ""), status, words.STEP_TONES.get(status, "calm"), shown, at, share))
        at += share
    return bars


def _figures(run: Run) -> list[tuple[str, object, str, str]]:
    """Label, value, note and tone; at most four."""
    took = "–" if run.duration_ms is None else words.length(run.duration_ms)
    note = "nobody said when it began" if run.duration_ms is None and run.finished_at else ""
    shown: list[tuple[str, object, str, str]] = [("Took", took, note, "")]
    shown.append(("Retries", run.retries, f"attempt {run.attempt}" if run.attempt > 1 else "", ""))
    items = "–" if run.items_out is None else f"{run.items_out:,}"
    shown.append(("Items put out", items, "", "warn" if run.items_out == 0 else ""))
    if run.cost is not None:
        shown.append(("Cost", f"{run.cost.normalize():f}", "", ""))
    return shown


def _label(run: Run) -> str:
    took = "" if run.duration_ms is None else f", {words.length(run.duration_ms)}"
    return f"{run.run_id} {run.status}{took}"
