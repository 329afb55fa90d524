"""The pages of calendars as a person uses them, without JavaScript: look, change, preview, save, import, explain."""

import re
from datetime import timedelta
from html import unescape

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from opsportal import clock
from opsportal.calendars import queries, registry
from opsportal.calendars.models import Calendar
from opsportal.identity.roles import Role
from tests.calendars.reference import utc
from tests.factories.calendars import make_calendar, make_version
from tests.factories.identity import make_person, make_team

pytestmark = pytest.mark.django_db


@pytest.fixture
def sales():
    return make_team("sales")


@pytest.fixture
def calendar(sales):
    return make_calendar("berlin", name="Berlin office", team=sales, note="As agreed")


def signed_in(**fields) -> Client:
    client = Client()
    client.force_login(make_person(**fields), backend="opsportal.identity.backends.PersonBackend")
    return client


@pytest.fixture
def lead(sales):
    return signed_in(username="lee", roles=[Role.OPS_LEAD], team=sales, timezone="Europe/Berlin")


@pytest.fixture
def analyst(sales):
    return signed_in(username="ana", roles=[Role.ANALYST], team=sales)


def text(response) -> str:
    body = re.sub(r"<(script|style).*?</\1>", "", response.content.decode(), flags=re.DOTALL)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", body)))


def fields(response) -> dict[str, str]:
    """What the form on the page would send as it stands."""
    html = response.content.decode()
    html = html[html.index("csrfmiddlewaretoken") :]
    found = dict(re.findall(r'<input type="(?:text|hidden|number)" name="(\w+)"(?: value="([^"]*)")?', html))
    found |= dict(re.findall(r'<textarea name="(\w+)"[^>]*>\n?(.*?)</textarea>', html, flags=re.DOTALL))
    chosen = re.search(r'<select name="team".*?<option value="(\d*)" selected', html, flags=re.DOTALL)
    return {"team": chosen[1] if chosen else "", **{name: unescape(value) for name, value in found.items()}}


def test_the_list_shows_the_week_and_whether_it_is_open(analyst, calendar):
    make_calendar("other", name="Support desk", team=make_team("support"))
    page = text(analyst.get("/calendars/"))
    assert "Berlin office" in page
    assert "Mon–Fri 09:00–17:00" in page
    assert "Around the clock open no change ahead" in page
    assert "Support desk" not in page


def test_the_list_is_a_csv_file_too(analyst, calendar):
    rows = b"".join(analyst.get("/calendars/?format=csv").streaming_content).decode().splitlines()
    assert rows[0].removeprefix("\ufeff").startswith("Name,State,Until,Usual week,Time zone,Team")
    assert any(row.startswith("Berlin office,") for row in rows)


def queries_for_calendars(client: Client, path: str) -> int:
    """How often a page asks this room's tables; what every page costs besides is the frame's business."""
    with CaptureQueriesContext(connection) as captured:
        assert client.get(path).status_code == 200
    return sum("calendars_calendar" in query["sql"] for query in captured)


def test_the_list_costs_few_queries_however_many_calendars_there_are(analyst):
    for _ in range(15):
        make_calendar()
    assert queries_for_calendars(analyst, "/calendars/") == 3  # count, page, versions
    assert queries_for_calendars(analyst, "/calendars/") == 2  # the process knows the versions by now


def test_a_calendar_costs_few_queries_however_many_versions_it_has(analyst, calendar):
    for hour in range(10, 16):
        make_version(calendar, weekly={"mon": [["09:00", f"{hour}:00"]]})
    assert queries_for_calendars(analyst, "/calendars/berlin/") <= 3


def test_a_calendar_shows_week_coming_days_and_history(analyst, calendar):
    soon = f"{clock.now() + timedelta(days=7):%Y-%m-%d}"
    make_version(calendar, overrides={soon: []}, override_names={soon: "Move"})
    page = text(analyst.get("/calendars/berlin/"))
    for expected in ("40 h", "Monday", "The next four weeks", "Move", "Version 1", "As agreed", "Version 2"):
        assert expected in page
    assert "Change hours" not in page


def test_a_version_stays_readable(analyst, calendar):
    make_version(calendar, timezone="Asia/Tokyo", overrides={"2026-12-25": []}, override_names={"2026-12-25": "Xmas"})
    page = text(analyst.get("/calendars/berlin/versions/2/"))
    assert "current" in page
    assert "Europe/Berlin" in page
    assert "Fri 25 Dec 2026 closed Xmas" in page
    assert "replaced" in text(analyst.get("/calendars/berlin/versions/1/"))
    assert analyst.get("/calendars/berlin/versions/9/").status_code == 404


def test_a_deadline_is_explained(analyst, calendar):
    page = text(analyst.get("/calendars/berlin/explain/?start=2026-12-24T15:00&minutes=90"))
    assert "1 h 30 min of open time after Thu 24 Dec 2026, 16:00 CET is Fri 25 Dec 2026, 09:30 CET." in page
    page = text(analyst.get("/calendars/berlin/explain/?start=2026-12-24T15:00&until=2026-12-25T09:00"))
    assert "there is 2 h of open time." in page


@pytest.mark.parametrize("query", ["start=2026-12-24T15:00", "start=x&minutes=1", "start=1700-01-01T00:00&minutes=5"])
def test_a_question_that_cannot_be_answered_is_told_so(analyst, calendar, query):
    response = analyst.get(f"/calendars/berlin/explain/?{query}")
    assert response.status_code == 400
    assert "need" in text(response)


def test_a_clock_change_is_told(analyst):
    make_calendar("night", weekly={"sun": [["00:00", "06:00"]]})
    page = text(analyst.get("/calendars/night/explain/?start=2026-03-28T12:00&until=2026-03-29T12:00"))
    assert "On Sun 29 Mar 2026 the clocks go from 02:00 to 03:00; 1 h are not lived through." in page
    assert "there is 5 h of open time" in page


def test_what_was_shown_saves_as_it_is_without_a_change(lead, calendar):
    form = fields(lead.get("/calendars/berlin/edit/"))
    assert form["mon"] == "09:00–17:00"
    assert "Nothing changes" in text(lead.post("/calendars/berlin/edit/", form))


def test_a_change_is_previewed_and_only_then_saved(lead, calendar):
    form = fields(lead.get("/calendars/berlin/edit/"))
    form |= {"fri": "09:00-12:00", "overrides": "2026-12-25 closed Christmas Day", "closures": ""}
    preview = lead.post("/calendars/berlin/edit/", form)
    shown = text(preview)
    assert "Friday 09:00–17:00 09:00–12:00" in shown
    assert "2026-12-25 not set closed (Christmas Day)" in shown
    assert "No open deadline moves" in shown
    assert queries.get_version(calendar).number == 1
    saved = lead.post(
        "/calendars/berlin/edit/", {**fields(preview), "step": "save", "note": "Quiet season"}, follow=True
    )
    assert "Berlin office stands at version 2." in text(saved)
    version = queries.get_version(calendar)
    assert (version.number, version.note, version.weekly["fri"]) == (2, "Quiet season", [["09:00", "12:00"]])
    assert version.override_names == {"2026-12-25": "Christmas Day"}


def test_the_preview_leads_back_to_the_editor_with_what_was_typed(lead, calendar):
    form = {**fields(lead.get("/calendars/berlin/edit/")), "fri": "9-12"}
    again = lead.post("/calendars/berlin/edit/", {**form, "step": "edit"})
    assert fields(again)["fri"] == "9-12"
    assert again.status_code == 200


def test_open_deadlines_that_would_move_are_shown_and_adopted_when_ticked(lead, calendar):
    adopted = []

    def source(shown, business_time, limit):
        return [registry.MovedDeadline("Acme <b>lead</b>", "/x/", utc(2026, 11, 6, 15), None)] * (
            3 if adopted == [] else 0
        )

    def adopt(version, *, actor, now):
        adopted.append(version.number)
        return 3

    registry.register_deadlines(source)
    registry.register_activation(adopt)
    try:
        preview = lead.post("/calendars/berlin/edit/", {**fields(lead.get("/calendars/berlin/edit/")), "mon": ""})
        assert "3 open deadlines would move." in text(preview)
        assert "Acme <b>lead</b>" in text(preview)
        assert "<b>lead" not in preview.content.decode()
        lead.post("/calendars/berlin/edit/", {**fields(preview), "step": "save", "adopt": "on"})
        assert adopted == [2]
        done = lead.post("/calendars/berlin/adopt/", follow=True)
        assert "3 open records now count by version 2." in text(done)
    finally:
        registry.forget(source)
        registry.forget(adopt)


def test_hours_that_never_open_are_warned_about(lead, calendar):
    form = fields(lead.get("/calendars/berlin/edit/"))
    closed = dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), "")
    assert "never opens again" in text(lead.post("/calendars/berlin/edit/", {**form, **closed}))


def test_faults_stand_at_their_fields_and_nothing_is_saved(lead, calendar):
    form = fields(lead.get("/calendars/berlin/edit/"))
    wrong = {"timezone": "Mars", "mon": "nine", "overrides": "24.12. closed", "closures": "2026-03-29 02:30 to soon"}
    response = lead.post("/calendars/berlin/edit/", {**form, **wrong, "step": "save"})
    assert response.status_code == 422
    for field in ("mon", "overrides", "closures"):
        assert f'id="id_{field}_error"' in response.content.decode()
    response = lead.post("/calendars/berlin/edit/", {**form, "timezone": "Mars", "step": "save"})
    assert 'id="id_timezone_error"' in response.content.decode()
    assert queries.get_version(calendar).number == 1


def test_a_change_that_somebody_overtook_is_refused(lead, calendar):
    form = {**fields(lead.get("/calendars/berlin/edit/")), "fri": "", "step": "save"}
    make_version(calendar, timezone="UTC")
    response = lead.post("/calendars/berlin/edit/", form)
    assert response.status_code == 422
    assert "There is a version 2 by now." in text(response)


def test_a_calendar_is_made(lead, sales):
    form = {**fields(lead.get("/calendars/new/")), "name": "Night desk", "slug": "night", "mon": "22:00–06:00"}
    page = text(lead.post("/calendars/new/", form, follow=True))
    assert "The calendar Night desk is there." in page
    made = Calendar.objects.get(slug="night")
    assert made.team == sales
    assert queries.get_version(made).weekly["tue"] == [["00:00", "06:00"], ["09:00", "17:00"]]
    assert lead.post("/calendars/new/", form).status_code == 422


def test_holidays_are_chosen_previewed_and_saved(lead, calendar):
    make_version(calendar, overrides={"2027-05-01": [["09:00", "10:00"]]})
    query = "country=DE&subdivision=BY&first_year=2027&year_count=1"
    listed = text(lead.get(f"/calendars/berlin/holidays/?{query}"))
    assert "Wed 6 Jan 2027 Epiphany" in listed
    assert "Labor Day has its own hours already" in listed
    chosen = {"date": ["2027-01-06", "2027-05-01", "2027-02-02"]}
    preview = lead.post(f"/calendars/berlin/holidays/?{query}", chosen)
    assert "2027-01-06 not set closed (Epiphany)" in text(preview)
    lead.post("/calendars/berlin/edit/", {**fields(preview), "step": "save"})
    version = queries.get_version(calendar)
    assert version.overrides == {"2027-01-06": [], "2027-05-01": [["09:00", "10:00"]]}
    assert version.override_names == {"2027-01-06": "Epiphany"}


@pytest.mark.parametrize("query", ["country=XX", "country=DE&subdivision=ZZ", "country=DE&first_year=1&year_count=1"])
def test_holidays_of_nowhere_are_refused(lead, calendar, query):
    defaults = "first_year=2027&year_count=1&" if "first_year" not in query else ""
    assert lead.get(f"/calendars/berlin/holidays/?{defaults}{query}").status_code == 400


def test_a_calendar_is_deleted_with_a_reason(lead, calendar):
    assert lead.post("/calendars/berlin/delete/", {"reason": ""}).status_code == 422
    page = text(lead.post("/calendars/berlin/delete/", {"reason": "Office closed"}, follow=True))
    assert "The calendar Berlin office is gone." in page
    assert not Calendar.objects.filter(slug="berlin").exists()
    assert "stays" in text(lead.post("/calendars/24x7/delete/", {"reason": "x"}))


# --- Four people ---

READING = ["/calendars/berlin/", "/calendars/berlin/explain/", "/calendars/berlin/versions/1/"]
CHANGING = [f"/calendars/berlin/{page}/" for page in ("edit", "holidays", "adopt", "delete")]


def statuses(client: Client, paths: list[str]) -> set[int]:
    return {client.get(path).status_code for path in paths}


def test_the_ops_lead_reads_and_changes(lead, calendar):
    assert statuses(lead, READING + CHANGING) == {200}


def test_a_teammate_reads_and_may_not_change(analyst, calendar):
    assert statuses(analyst, READING) == {200}
    assert statuses(analyst, [*CHANGING, "/calendars/new/"]) == {403}
    assert analyst.post("/calendars/berlin/edit/", {"step": "save"}).status_code == 403


def test_an_outsider_finds_nothing(calendar):
    outsider = signed_in(roles=[Role.ANALYST], team=make_team("support"))
    assert statuses(outsider, READING) == {404}
    assert statuses(outsider, ["/calendars/24x7/"]) == {200}


def test_leadership_reads(calendar):
    leader = signed_in(roles=[Role.VIEWER])
    assert statuses(leader, READING) == {200}
    assert statuses(leader, CHANGING) == {403}


def test_nobody_gets_in_without_signing_in(calendar):
    assert statuses(Client(), READING + CHANGING) == {302}


def test_the_admin_shows_versions_and_changes_nothing_but_names(calendar):
    admin = signed_in(username="root", roles=[Role.ADMIN], is_staff=True)
    page = admin.get(f"/admin/calendars/calendar/{calendar.pk}/change/")
    assert page.status_code == 200
    assert 'name="name"' not in page.content.decode()  # an admin looks after people, not after calendars
    both = signed_in(username="both", roles=[Role.ADMIN, Role.OPS_LEAD], is_staff=True)
    address = f"/admin/calendars/calendar/{calendar.pk}/change/"
    managed = {"versions-TOTAL_FORMS": "0", "versions-INITIAL_FORMS": "0"}
    assert both.post(address, {"name": "Office", "team": "", **managed}).status_code == 302
    calendar.refresh_from_db()
    assert calendar.name == "Office"
    assert both.get("/admin/calendars/calendar/add/").status_code == 403
    assert both.get(f"/admin/calendars/calendar/{calendar.pk}/delete/").status_code == 403
