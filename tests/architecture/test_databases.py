"""The test databases themselves: what migrations left is what every test begins with."""

import threading

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import DatabaseError, connection, connections

from opsportal import clock
from opsportal.audit.engine import Actor, Draft, Subject
from opsportal.audit.models import Entry
from opsportal.audit.operations import record
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


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("turn", [1, 2])
def test_append_only_rows_go_with_their_test_and_their_triggers_stay(turn: int) -> None:
    assert not Entry.objects.exists()
    subject = Subject("team", "1", "Sales")
    record(Draft(action="team.renamed", actor=Actor.system("test"), subject=subject, at=clock.now(), source="task"))
    with pytest.raises(DatabaseError):
        Entry.objects.all()._raw_delete("default")


@pytest.mark.django_db
def test_it_runs_on_the_database_that_was_asked_for(request: pytest.FixtureRequest) -> None:
    vendor = {"sqlite": "sqlite", "postgres": "postgresql"}[request.config.getoption("--db")]
    assert connection.vendor == vendor
    if vendor == "sqlite":
        with connection.cursor() as cursor:
            assert cursor.execute("PRAGMA journal_mode").fetchone() == ("wal",)
