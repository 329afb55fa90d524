"""The page of an automation's figures: what its runs of thirty days tell, beside the targets one starts with."""

from datetime import timedelta
from decimal import Decimal

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from opsportal import clock
from opsportal.catalog.queries import get_automation
from opsportal.errors import NotFound
from opsportal.identity.actors import principal_of
from opsportal.identity.permissions import scope_required
from opsportal.web import words
from slos.budgets.engine.budgets import plain
from slos.budgets.figures import BELOW, Figure, figures, mixed_versions

SPAN = timedelta(days=30)
LABELS = {
    "success_rate": "Runs that ended well",
    "duration_p50": "Half of them took at most",
    "duration_p95": "95% took at most",
    "duration_p99": "99% took at most",
    "retry_rate": "Attempts that were retries",
    "compensation_rate": "Runs that were undone again",
    "log_completeness": "Runs whose log is whole",
    "cost_per_run": "Cost of a run",
    "interventions_per_run": "Steps by hand in a run",
}
WORDS = {True: ("met", "good"), False: ("not met", "warn"), None: ("", "")}


@scope_required("runs:read")
def figures_page(request: HttpRequest, slug: str) -> HttpResponse:
    try:
        automation = get_automation(slug, principal=principal_of(request))
    except NotFound:
        raise Http404 from None
    now = clock.now()
    found = figures(automation, now - SPAN, now)
    context = {
        "title": f"Figures of {automation.name}, 30 days",
        "sentence": _sentence(found.results, found.counts.total),
        "back_url": automation.get_absolute_url(),
        "back_label": automation.name,
        "rows": [
            (one, LABELS[one.name], shown(one, automation.currency), _target(one), WORDS[one.is_met])
            for one in found.results
        ],
        "automation": automation,
        "since": (now - SPAN).date().isoformat(),
        "runs": found.counts.total,
        "tags": [(one, f"{plain(one.cost)} {automation.currency}") for one in found.cost_by_tag],
        "versions": mixed_versions(automation, now),
        "looked_at": found.looked_at,
    }
    return render(request, "slos/budgets_figures.html", context)


def shown(figure: Figure, currency: str = "") -> str:
    """A value as people read it, with its unit."""
    if figure.value is None:
        return "–"
    if figure.unit == "ratio":
        return percent(figure.value)
    if figure.unit == "seconds":
        small = figure.value < 60
        return f"{figure.value.quantize(Decimal('0.1'))} s" if small else words.duration(float(figure.value))
    number = plain(figure.value.quantize(Decimal("0.0001")))
    return f"{number} {currency}" if currency and figure.name == "cost_per_run" else number


def percent(share: Decimal) -> str:
    """Cut, not rounded: 99.996% of the runs are not all of them."""
    hundredths = int(share * 10_000)
    return f"{plain(Decimal(hundredths) / 100)}%"


def _target(figure: Figure) -> str:
    if figure.target is None:
        return ""
    return f"{'below' if figure.meets == BELOW else 'at least'} {percent(figure.target)}"


def _sentence(results: list[Figure], runs: int) -> str:
    if not runs:
        return "Nothing ran in the last 30 days, so there is nothing to tell."
    missed = sum(one.is_met is False for one in results)
    held = sum(one.is_met is not None for one in results)
    if not missed:
        return f"All {held} figures with a starting target meet it."
    return f"{missed} of the {held} figures with a starting target {'does' if missed == 1 else 'do'} not meet it."
