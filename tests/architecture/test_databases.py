"""The test databases themselves: what migrations left is what every test begins with."""

import threading

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import connection, connections

from opsportal.identity.models import Team


def _insert_from_a_thread(slug: str) -> None:
    try:
        Team.objects.create(slug=slug, name=slug)
    finally:
        connections.close_all()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("turn", [1, 2])
def test_threads_share_the_database_and_nothing_of_it_survives_the_test(turn: int) -> None:
    threads = [threading.Thread(target=_insert_from_a_thread, args=(f"team-{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Team.objects.count() == 4


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("turn", [1, 2])
def test_rows_made_by_migrations_survive_a_flush(turn: int) -> None:
    from opsportal.calendars.models import Calendar

    assert Calendar.objects.filter(slug="24x7").exists()
    assert ContentType.objects.exists()


@pytest.mark.django_db
def test_it_runs_on_the_database_that_was_asked_for(request: pytest.FixtureRequest) -> None:
    vendor = {"sqlite": "sqlite", "postgres": "postgresql"}[request.config.getoption("--db")]
    assert connection.vendor == vendor
    if vendor == "sqlite":
        with connection.cursor() as cursor:
            assert cursor.execute("PRAGMA journal_mode").fetchone() == ("wal",)
