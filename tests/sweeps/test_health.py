"""Health endpoints, the banner, and the page behind it."""

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import OperationalError, connection
from django.test import Client

from opsportal import clock
from opsportal.sweeps import context, health, operations, registry
from opsportal.sweeps.models import Sweep
from opsportal.sweeps.registry import SweepResult

pytestmark = pytest.mark.django_db

EVERY = timedelta(seconds=10)


def breaks(now):
    raise RuntimeError("out of order")


def run(name: str, *, ago: timedelta = timedelta(0)) -> None:
    registry.register(name, lambda now: SweepResult(1, 1), every=EVERY)
    operations.run_sweep(name)
    Sweep.objects.filter(name=name).update(finished_at=clock.database_now() - ago)


def banner() -> str:
    cache.clear()
    found = context.degraded(None)["degraded"]
    return found.sentence if found else ""


def test_healthz_answers_without_the_database(client: Client, django_assert_num_queries):
    with django_assert_num_queries(0):
        response = client.get("/healthz/")
    assert (response.status_code, response.content) == (200, b"ok\n")


def test_readyz_is_ready_when_migrated_and_cheap_the_second_time(client: Client, django_assert_num_queries):
    assert client.get("/readyz/").json() == {"status": "ready"}
    with django_assert_num_queries(1):
        assert client.get("/readyz/").status_code == 200


def test_readyz_is_503_when_a_migration_is_missing(client: Client, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(health, "_migrations_seen_at", float("-inf"))
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'sweeps' AND name = '0001_initial'")
    response = client.get("/readyz/")
    assert response.status_code == 503
    assert "not applied" in response.json()["detail"]


def test_readyz_is_503_when_the_database_is_away(client: Client, monkeypatch: pytest.MonkeyPatch):
    def away() -> None:
        raise OperationalError("connection refused at 10.0.0.7")

    monkeypatch.setattr("opsportal.sweeps.health.connection.cursor", away)
    response = client.get("/readyz/")
    assert response.status_code == 503
    assert "10.0.0.7" not in response.content.decode()


def test_livez_is_fresh_when_every_sweep_is(client: Client, empty_registry):
    run("handoffs")
    run("outbox")
    response = client.get("/livez/sweeps/")
    body = response.json()
    assert (response.status_code, body["status"]) == (200, "fresh")
    assert [sweep["name"] for sweep in body["sweeps"]] == ["handoffs", "outbox"]
    assert body["sweeps"][0]["age_seconds"] < 5


def test_livez_is_503_when_one_sweep_is_stale(client: Client, empty_registry):
    run("handoffs")
    run("outbox", ago=timedelta(seconds=91))
    response = client.get("/livez/sweeps/")
    assert (response.status_code, response.json()["status"]) == (503, "stale")
    assert [sweep["stale"] for sweep in response.json()["sweeps"]] == [False, True]


def test_the_probes_tell_nothing_about_errors_and_change_nothing(client: Client, empty_registry):
    registry.register("handoffs", breaks, every=EVERY)
    operations.run_sweep("handoffs")
    response = client.get("/livez/sweeps/")
    assert "out of order" not in response.content.decode()
    assert client.post("/livez/sweeps/").status_code == 405


def test_the_banner_is_silent_when_all_is_well(empty_registry, django_assert_num_queries):
    run("handoffs")
    with django_assert_num_queries(1):
        assert banner() == ""
    with django_assert_num_queries(0):
        context.degraded(None)


def test_the_banner_says_what_is_late_and_since_when(empty_registry):
    run("handoffs", ago=timedelta(minutes=12))
    run("outbox")
    assert banner() == "Timers are not being enforced on time: handoffs last ran 12 minutes ago."


def test_the_banner_says_that_the_worker_never_ran(empty_registry):
    registry.register("handoffs", breaks, every=EVERY)
    assert banner() == "The worker has not run yet: no timer is being enforced."


def test_the_banner_names_a_sweep_that_fails(empty_registry):
    run("handoffs")
    registry.get("handoffs").parts.append(breaks)
    operations.run_sweep("handoffs")
    assert banner() == "Part of the worker reports an error: handoffs."
