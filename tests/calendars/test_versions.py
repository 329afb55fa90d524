"""Versions: each revision is a new one that never changes, told in the trail with what it changed."""

import threading
from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, connections, transaction

from opsportal.audit.engine import Actor
from opsportal.audit.models import Entry
from opsportal.audit.sentences import detail_of, sentence
from opsportal.calendars import operations, queries, registry
from opsportal.calendars.models import Calendar, CalendarVersion
from opsportal.errors import Conflict, InvalidInput, InvalidInputs, NotFound
from tests.calendars.reference import utc
from tests.factories.calendars import NOW, OFFICE_HOURS, SETUP, make_calendar, make_version
from tests.factories.identity import make_person, make_team

pytestmark = pytest.mark.django_db
LONGER = {**OFFICE_HOURS, "sat": [["10:00", "14:00"]]}


def entries(calendar: Calendar) -> list[Entry]:
    return list(Entry.objects.filter(subject_type="calendar", subject_id=calendar.slug).order_by("pk"))


def test_a_calendar_begins_with_version_one():
    calendar = make_calendar("berlin", note="As agreed")
    version = queries.current_version("berlin")
    assert (version.calendar, version.number, version.note) == (calendar, 1, "As agreed")
    assert version.weekly["mon"] == [["09:00", "17:00"]]
    assert version.weekly["sun"] == []


def test_the_starter_calendar_is_always_open_and_always_there():
    version = queries.current_version("24x7")
    hours = queries.business_time(version.pk)
    assert hours.add(NOW, 100_000_000) == NOW + timedelta(seconds=100_000_000)
    with pytest.raises(Conflict) as refused:
        operations.delete_calendar(version.calendar, actor=SETUP, now=NOW)
    assert refused.value.code == "starter_calendar"


def test_a_revision_is_a_new_version_and_the_old_one_stays():
    calendar = make_calendar("berlin")
    first = queries.current_version("berlin")
    second = make_version(calendar, weekly=LONGER, note="Saturdays")
    assert [v.number for v in queries.list_versions(calendar)] == [2, 1]
    assert queries.current_version("berlin") == second
    first.refresh_from_db()
    assert first.weekly["sat"] == []
    saturday = utc(2026, 11, 7, 10)
    assert not queries.business_time(first.pk).is_open(saturday)
    assert queries.business_time(second.pk).is_open(saturday)


def test_what_is_not_named_in_a_revision_stays():
    calendar = make_calendar(overrides={"2026-12-25": []}, override_names={"2026-12-25": "Christmas Day"})
    version = make_version(calendar, timezone="Europe/Lisbon")
    assert version.overrides == {"2026-12-25": []}
    assert version.override_names == {"2026-12-25": "Christmas Day"}


def test_a_revision_that_changes_nothing_makes_no_version_and_no_entry():
    calendar = make_calendar()
    version = make_version(calendar, weekly={**OFFICE_HOURS, "mon": [["09:00", "12:00"], ["12:00", "17:00"]]})
    assert version.number == 1
    assert len(entries(calendar)) == 1


def test_a_new_name_needs_no_new_version():
    calendar = make_calendar("berlin", name="Berlin")
    team = make_team("inside-sales")
    version = make_version(calendar, name="Berlin office", team=team)
    stored = Calendar.objects.get(slug="berlin")
    assert (version.number, stored.name, stored.team, calendar.name) == (1, "Berlin office", team, "Berlin office")
    assert detail_of(entries(calendar)[-1])["before"] == {"Name": "Berlin"}
    assert detail_of(entries(calendar)[-1])["after"] == {"Name": "Berlin office", "Team": "inside-sales"}


def test_the_trail_says_who_changed_which_hours():
    kim = make_person("kim")
    calendar = make_calendar("berlin")
    actor = Actor("human", str(kim.pk), kim.name)
    version = make_version(calendar, weekly=LONGER, overrides={"2026-12-25": []}, note="Busy season", actor=actor)
    entry = entries(calendar)[-1]
    assert (entry.action, entry.actor_id) == ("calendar.revised", str(kim.pk))
    assert detail_of(entry)["before"] == {"Saturday": "closed"}
    assert detail_of(entry)["after"] == {"Saturday": "10:00–14:00", "2026-12-25": "closed"}
    assert sentence(entry) == "Kim changed the calendar Berlin, now version 2. Busy season"
    assert version.created_by == kim


def test_the_first_entry_tells_what_the_calendar_says():
    calendar = make_calendar("berlin")
    (entry,) = entries(calendar)
    assert entry.action == "calendar.created"
    assert detail_of(entry)["after"]["Monday"] == "09:00–17:00"
    assert "Sunday" not in detail_of(entry)["after"]


def test_a_change_made_from_an_older_version_is_refused():
    calendar = make_calendar()
    make_version(calendar, weekly=LONGER, based_on=1)
    with pytest.raises(Conflict) as refused:
        make_version(calendar, weekly={}, based_on=1)
    assert refused.value.code == "calendar_changed"
    assert queries.get_version(calendar).number == 2


def test_faults_change_nothing():
    calendar = make_calendar("berlin")
    with pytest.raises(InvalidInputs):
        make_version(calendar, name="Other", weekly={"mon": [["9", "17"]]})
    assert Calendar.objects.get(slug="berlin").name == "Berlin"
    assert len(entries(calendar)) == 1


@pytest.mark.parametrize("slug", ["", "Berlin", "ber lin", "b" * 61, "büro", "a\x00b"])
def test_a_slug_is_plain(slug):
    with pytest.raises(InvalidInput) as refused:
        make_calendar_with(slug)
    assert (refused.value.code, refused.value.field) == ("bad_slug", "slug")


def make_calendar_with(slug: str) -> Calendar:
    return operations.create_calendar(slug=slug, name="x", timezone="UTC", weekly={}, actor=SETUP, now=NOW)


@pytest.mark.parametrize("text", ["", " ", "a\nb", "x" * 121])
def test_a_name_is_one_line(text):
    with pytest.raises(InvalidInput) as refused:
        make_version(make_calendar(), name=text)
    assert refused.value.field == "name"


def test_a_slug_is_taken_once():
    make_calendar("berlin")
    with pytest.raises(Conflict) as refused:
        make_calendar("berlin")
    assert (refused.value.code, refused.value.field) == ("slug_taken", "slug")
    assert Calendar.objects.filter(slug="berlin").count() == 1


def test_the_database_refuses_to_change_a_version():
    version = queries.get_version(make_calendar())
    for change in ({"weekly": {}}, {"timezone": "UTC"}, {"number": 7}):
        with pytest.raises(DatabaseError), transaction.atomic():
            CalendarVersion.objects.filter(pk=version.pk).update(**change)


def test_a_calendar_that_nothing_uses_can_be_deleted():
    calendar = make_calendar("berlin")
    operations.delete_calendar(calendar, reason="Office closed", actor=SETUP, now=NOW)
    with pytest.raises(NotFound):
        queries.current_version("berlin")
    assert sentence(entries(calendar)[-1]) == "setup deleted the calendar Berlin, which nothing used. Office closed"


def test_what_a_version_stands_for_is_read_once(django_assert_num_queries):
    version = queries.get_version(make_calendar())
    with django_assert_num_queries(1):
        first = queries.business_time(version.pk)
    with django_assert_num_queries(0):
        assert queries.business_time(version.pk) is first


def test_unknown_versions_and_calendars_are_not_found():
    for question in (
        lambda: queries.business_time(CalendarVersion().pk),
        lambda: queries.current_version("nowhere"),
        lambda: queries.current_version("a\x00b"),
        lambda: queries.get_version(make_calendar(), 7),
    ):
        with pytest.raises(NotFound):
            question()


class Deadlines:
    """A room above that has three open deadlines and adopts versions."""

    def __init__(self) -> None:
        self.adopted: list[CalendarVersion] = []

    def moved(self, calendar, business_time, limit):
        starts = [utc(2026, 11, 6, 15 - hour) for hour in range(3)]
        before = queries.business_time(queries.get_version(calendar).pk)
        return [
            registry.MovedDeadline(
                f"Lead {n}", f"/handoffs/{n}/", before.add(start, 7200), business_time.add(start, 7200)
            )
            for n, start in enumerate(starts)
            if before.add(start, 7200) != business_time.add(start, 7200)
        ][:limit]

    def adopt(self, version, *, actor, now) -> int:
        self.adopted.append(version)
        return 3


@pytest.fixture
def room():
    deadlines = Deadlines()
    registry.register_deadlines(deadlines.moved)
    registry.register_activation(deadlines.adopt)
    yield deadlines
    registry.forget(deadlines.moved)
    registry.forget(deadlines.adopt)


def ours(moved: list[registry.MovedDeadline]) -> list[registry.MovedDeadline]:
    return [each for each in moved if each.label.startswith("Lead")]


def test_a_preview_shows_which_open_deadlines_would_move_and_changes_nothing(room):
    calendar = make_calendar()
    wider = queries.get_version(calendar, 1).spelled | {"weekly": LONGER}
    moved = ours(queries.preview_deadlines(calendar, CalendarVersion(**wider).definition, 10))
    expected = registry.MovedDeadline("Lead 0", "/handoffs/0/", utc(2026, 11, 9, 9), utc(2026, 11, 7, 10))
    assert moved == [expected]
    assert room.adopted == []
    assert queries.get_version(calendar).number == 1


def test_open_records_adopt_a_version_only_when_asked_to(room):
    calendar = make_calendar("berlin")
    make_version(calendar, weekly=LONGER)
    assert room.adopted == []
    version = make_version(calendar, weekly={**LONGER, "sun": [["10:00", "11:00"]]}, adopt=True)
    assert room.adopted == [version]
    assert sentence(entries(calendar)[-1]) == "setup let 3 open records count by version 3 of Berlin."


def test_only_the_current_version_is_adopted(room):
    calendar = make_calendar()
    first = queries.get_version(calendar)
    make_version(calendar, weekly=LONGER)
    with pytest.raises(Conflict):
        operations.adopt_version(first, actor=SETUP, now=NOW)
    assert room.adopted == []


def test_a_room_that_refuses_takes_the_revision_back(room):
    def refuse(version, *, actor, now):
        raise InvalidInput("never_opens", "No.")

    registry.register_activation(refuse)
    calendar = make_calendar()
    try:
        with pytest.raises(InvalidInput):
            make_version(calendar, weekly={}, adopt=True)
    finally:
        registry.forget(refuse)
    assert queries.get_version(calendar).number == 1
    assert len(entries(calendar)) == 1


@pytest.mark.django_db(transaction=True)
def test_two_revisions_at_once_get_two_numbers():
    calendar = make_calendar()
    barrier, refused = threading.Barrier(2), []

    def revise(zone: str) -> None:
        try:
            barrier.wait()
            make_version(Calendar.objects.get(pk=calendar.pk), timezone=zone)
        except Exception as error:
            refused.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=revise, args=[zone]) for zone in ("Europe/Paris", "Asia/Tokyo")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refused == []
    assert [v.number for v in queries.list_versions(calendar)] == [3, 2, 1]
    connection.close()
