"""Health endpoints for probes and load balancers, and the page about the worker. The probes need no sign-in."""

from datetime import datetime
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from opsportal import clock
from opsportal.sweeps import health, queries
from opsportal.sweeps.queries import SweepAge


@require_safe
@never_cache
@login_not_required
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers. Touches nothing else."""
    return HttpResponse("ok\n", content_type="text/plain")


@require_safe
@never_cache
@login_not_required
def readyz(request: HttpRequest) -> JsonResponse:
    """200 when the database answers and its migrations are applied, else 503."""
    problem = health.database_problem() or health.migrations_problem()
    body = {"status": "unavailable", "detail": problem} if problem else {"status": "ready"}
    return JsonResponse(body, status=503 if problem else 200)


@require_safe
@never_cache
@login_not_required
def livez_sweeps(request: HttpRequest) -> JsonResponse:
    """The age of each sweep, the relay (outbox) and the sealer (seal) among them; 503 when one is stale."""
    try:
        now = clock.database_now()
        ages = queries.sweep_ages(now)
        worker_count = len(queries.list_hosts(now))
    except (DatabaseError, InterfaceError):
        return JsonResponse({"status": "unknown", "detail": "The database does not answer."}, status=503)
    stale = any(age.stale for age in ages)
    body = {
        "status": "stale" if stale else "fresh",
        "at": _iso(now),
        "worker_count": worker_count,
        "sweeps": [_entry(age) for age in ages],
    }
    return JsonResponse(body, status=503 if stale else 200)


@require_safe
def worker(request: HttpRequest) -> HttpResponseBase:
    """The page behind the banner: how old each sweep is, who is at work, and when nobody was."""
    now = clock.database_now()
    context = {
        "now": now,
        "ages": queries.sweep_ages(now),
        "hosts": queries.list_hosts(now),
        "runs": queries.list_telling_runs(),
        "spells": queries.list_blind_spells(),
        "verdict": health.degraded(now),
    }
    return render(request, "sweeps/worker.html", context)


def _entry(age: SweepAge) -> dict[str, Any]:
    return {
        "name": age.name,
        "every_seconds": age.every.total_seconds(),
        "age_seconds": round(age.age.total_seconds(), 1) if age.age is not None else None,
        "stale_after_seconds": queries.stale_after(age.every).total_seconds(),
        "finished_at": _iso(age.finished_at) if age.finished_at else None,
        "stale": age.stale,
        "failing": age.failing,
    }


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
