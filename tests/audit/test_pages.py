"""/audit/ and /audit/<id>/, the API and the admin, as four people meet them."""

import csv
from datetime import timedelta

import pytest

from opsportal import clock
from opsportal.audit.engine import Actor, Subject
from opsportal.audit.models import Entry
from opsportal.audit.operations import erase_details
from opsportal.identity.roles import Role
from tests.factories.audit import KIM, write
from tests.factories.identity import bearer, make_person, make_team, make_token

pytestmark = pytest.mark.django_db


@pytest.fixture
def emea(db):
    return make_team("emea")


@pytest.fixture
def people(emea):
    """Owner and teammate of one team, an outsider of another, the leader, and somebody of sales leadership."""
    return {
        "owner": make_person("olga", team=emea),
        "teammate": make_person("tom", team=emea),
        "outsider": make_person("uwe", team=make_team("apac")),
        "leader": make_person("lena", roles=[Role.OPS_LEAD]),
        "viewer": make_person("vera", roles=[Role.VIEWER]),
    }


@pytest.fixture
def entry(emea) -> Entry:
    return write(team="emea", rule="speed-to-lead", subject=Subject("probe", "p-77", "Acme Ltd"), at=clock.now())[0]


def texts(client, people, address):
    answers = {}
    for name, person in people.items():
        client.force_login(person)
        answers[name] = client.get(address)
    return answers


def shown(client, query="") -> list[int]:
    response = client.get(f"/audit/{query}")
    assert response.status_code == 200, response.context["filters"].form.errors
    return [row.record.pk for row in response.context["table"].paginated_rows]


def test_each_sees_their_team(client, people, entry):
    answers = texts(client, people, "/audit/")
    assert {name: "Acme Ltd" in answer.text for name, answer in answers.items()} == {
        "owner": True,
        "teammate": True,
        "outsider": False,
        "leader": True,
        "viewer": False,
    }
    assert answers["viewer"].status_code == 403


def test_the_entry_page_is_seen_by_the_same(client, people, entry):
    codes = {name: answer.status_code for name, answer in texts(client, people, f"/audit/{entry.pk}/").items()}
    assert codes == {"owner": 200, "teammate": 200, "outsider": 404, "leader": 200, "viewer": 403}


def test_without_a_session_one_signs_in_first(client, entry):
    assert client.get("/audit/").status_code == 302
    assert client.get(f"/audit/{entry.pk}/").status_code == 302


def test_the_entry_page_tells_everything(client, people, entry):
    client.force_login(people["leader"])
    text = client.get(f"/audit/{entry.pk}/").text
    for piece in ("Acme Ltd", "On holiday", "<del>kim</del>", "<ins>lee</ins>", "speed-to-lead", entry.trace_id):
        assert piece in text
    assert bytes(entry.commitment).hex() in text
    assert "waiting for the next one" in text


def test_an_erased_entry_says_so(client, people, entry):
    erase_details(
        subject=Subject("person", "7"), entries=Entry.objects.all(), actor=KIM, reason="Asked", now=clock.now()
    )
    client.force_login(people["leader"])
    for address in (f"/audit/{entry.pk}/", "/audit/"):
        text = client.get(address).text
        assert "Acme Ltd" not in text
        assert "erased" in text


@pytest.mark.parametrize("address", ["/audit/999999/", f"/audit/{10**30}/", "/audit/x/", "/audit/-1/"])
def test_what_is_not_there_is_a_404(client, people, address):
    client.force_login(people["leader"])
    assert client.get(address).status_code == 404


def test_filters_narrow(client, people, entry):
    client.force_login(people["leader"])
    other = write(actor=Actor("token", "7", "n8n"), source="api", team="emea", at=clock.now() - timedelta(days=9))[0]
    both = {entry.pk, other.pk}

    def probes(query):
        return set(shown(client, query)) & both

    assert probes("") == both
    assert probes("?actor=human:7") == {entry.pk}
    assert probes("?actor=7") == both
    assert probes("?source=api") == {other.pk}
    assert probes("?subject=probe:p-77") == {entry.pk}
    assert probes(f"?trace_id={entry.trace_id}") == {entry.pk}
    assert probes("?rule=speed-to-lead") == {entry.pk}
    assert probes("?q=acme") == {entry.pk}
    assert probes(f"?q={other.trace_id}") == {other.pk}
    day_ago = (clock.now() - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M")
    assert probes(f"?from={day_ago}") == {entry.pk}
    assert probes(f"?until={day_ago}") == {other.pk}


def test_actions_can_be_chosen_one_by_one_or_by_room(client, people):
    client.force_login(people["leader"])
    write()
    assert shown(client, "?action=team.") == shown(client, "?action=team.created") != []


@pytest.mark.parametrize("query", ["?action=nonsense", "?source=fax", "?from=yesterday", "?sort=nonsense", "?page=99"])
def test_bad_filters_are_told(client, people, query):
    client.force_login(people["leader"])
    assert client.get(f"/audit/{query}").status_code == 400


@pytest.mark.parametrize("text", ["%", "_", "'", '"', "\\", "\x00", "x" * 200, "{actor}", "ünïcode"])
def test_any_text_can_be_searched_for(client, people, entry, text):
    client.force_login(people["leader"])
    assert client.get("/audit/", {"q": text}).status_code in (200, 400)


def test_the_csv_is_the_filtered_list_and_is_recorded(client, people, entry):
    client.force_login(people["leader"])
    write(team="emea", source="api")
    response = client.get("/audit/?rule=speed-to-lead&format=csv")
    assert response["Content-Type"].startswith("text/csv")
    rows = list(csv.DictReader(b"".join(response.streaming_content).decode("utf-8-sig").splitlines()))
    assert [(row["id"], row["subject"], row["before"]) for row in rows] == [(str(entry.pk), "Acme Ltd", "owner: kim")]
    export = Entry.objects.get(action="audit.exported")
    assert export.actor_id == str(people["leader"].pk)


def test_the_csv_holds_no_formula(client, people):
    write(subject=Subject("probe", "=1+1", "=cmd|' /C calc'!A0"), team="emea", rule="formula")
    client.force_login(people["leader"])
    text = b"".join(client.get("/audit/?rule=formula&format=csv").streaming_content).decode("utf-8-sig")
    row = next(csv.DictReader(text.splitlines()))
    assert row["subject"].startswith("'=")
    assert row["subject_id"] == "'=1+1"


def test_a_csv_of_bad_filters_is_no_csv(client, people):
    client.force_login(people["leader"])
    response = client.get("/audit/?source=fax&format=csv")
    assert response.status_code == 400
    assert not Entry.objects.filter(action="audit.exported").exists()


def test_markup_is_text(client, people):
    hostile = "<script>alert(1)</script>"
    values = {hostile: hostile}
    subject = Subject("probe", hostile, hostile)
    [entry] = write(
        subject=subject, reason=hostile, before=values, after={}, extra=values, actor=Actor("human", "1", hostile)
    )
    client.force_login(people["leader"])
    for address in ("/audit/", f"/audit/{entry.pk}/"):
        text = client.get(address).text
        assert hostile not in text
        assert "&lt;script&gt;" in text


def test_the_list_costs_the_same_for_many(client, people, django_assert_max_num_queries):
    client.force_login(people["leader"])
    client.get("/audit/")
    write(60, before={"a": 1}, after={"a": 2})
    with django_assert_max_num_queries(12):
        client.get("/audit/")


def test_it_shows_the_state_of_the_chain(client, people, monkeypatch):
    client.force_login(people["leader"])
    assert "not sealed yet" in client.get("/audit/").text
    monkeypatch.setattr("opsportal.audit.guard.missing", lambda connection: ["audit_entry_update"])
    assert "no longer refuses changes" in client.get("/audit/").text


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_nothing_writes(client, people, entry, method):
    client.force_login(people["leader"])
    _, text = make_token("admin")
    for address in ("/api/v1/audit/", f"/api/v1/audit/{entry.pk}/", "/api/v1/audit/head/"):
        answer = getattr(client, method)(address, {}, content_type="application/json", headers=bearer(text))
        assert answer.status_code == 405


# --- The API ---


def api(client, path="", *, token):
    return client.get(f"/api/v1/audit/{path}", headers=bearer(token))


def test_the_api_tells_an_entry(client, entry):
    _, text = make_token("audit:read")
    found = api(client, f"{entry.pk}/", token=text).json()
    assert found["actor"] == {"kind": "human", "id": "7", "label": "Kim Berg"}
    assert found["subject"] == {"type": "probe", "id": "p-77", "label": "Acme Ltd"}
    assert (found["before"], found["after"], found["reason"]) == ({"owner": "kim"}, {"owner": "lee"}, "On holiday")
    assert (found["rule"], found["team"], found["erased"]) == ("speed-to-lead", "emea", False)
    assert found["at"].endswith("Z")
    assert found["commitment"] == bytes(entry.commitment).hex()


def test_the_api_asks_for_the_scope(client, entry):
    _, text = make_token("handoffs:read")
    assert api(client, token=text).status_code == 403
    assert api(client, "head/", token=text).status_code == 403


def test_a_tokens_team_limits_the_api(client, emea, people, entry):
    own, foreign = (make_token("audit:read", team=team)[1] for team in (emea, people["outsider"].team))
    assert entry.pk in [each["id"] for each in api(client, token=own).json()["results"]]
    assert entry.pk not in [each["id"] for each in api(client, token=foreign).json()["results"]]
    assert api(client, f"{entry.pk}/", token=foreign).status_code == 404


def test_the_api_filters_and_pages(client, entry):
    _, text = make_token("audit:read")
    write(5, team="emea", rule="other")
    ids = [each["id"] for each in api(client, "?rule=speed-to-lead", token=text).json()["results"]]
    assert ids == [entry.pk]
    assert [each["id"] for each in api(client, "?q=acme&rule=speed-to-lead", token=text).json()["results"]] == [
        entry.pk
    ]
    page = api(client, "?rule=other&limit=2", token=text).json()
    seen = [each["id"] for each in page["results"]]
    while page["next"]:
        page = client.get(page["next"], headers=bearer(text)).json()
        seen += [each["id"] for each in page["results"]]
    assert seen == sorted(Entry.objects.filter(rule="other").values_list("id", flat=True), reverse=True)


@pytest.mark.parametrize("query", ["?from=yesterday", "?nonsense=1", "?ordering=detail", "?limit=0", "?cursor=x"])
def test_bad_queries_are_400(client, query):
    _, text = make_token("audit:read")
    assert api(client, query, token=text).status_code == 400


def test_the_head_before_the_first_seal(client):
    _, text = make_token("audit:read")
    found = api(client, "head/", token=text).json()
    assert (found["number"], found["hash"], found["sealed_at"], found["problem"]) == (0, "00" * 32, None, "")


@pytest.mark.django_db(transaction=True)
def test_the_head_after_it(client):
    from opsportal.audit import queries
    from opsportal.audit.sealer import seal_entries

    _, text = make_token("audit:read")
    seal_entries(clock.now())
    found = api(client, "head/", token=text).json()
    assert f"{found['number']}:{found['hash']}" == str(queries.head())


# --- The admin ---


@pytest.mark.django_db(transaction=True)
def test_the_admin_only_looks(admin_client):
    from opsportal.audit.sealer import seal_entries

    [entry] = write()
    seal = seal_entries(clock.now())
    for name, key in (("entry", entry.pk), ("seal", seal.pk)):
        base = f"/admin/audit/{name}/"
        assert admin_client.get(base).status_code == 200
        assert admin_client.get(f"{base}{key}/change/").status_code == 200
        for address in (f"{base}{key}/change/", f"{base}{key}/delete/", f"{base}add/"):
            assert admin_client.post(address, {"post": "yes"}).status_code == 403
    assert admin_client.get("/admin/audit/verification/").status_code == 200


# --- With the record it is about ---


def test_a_change_and_its_entry_are_one(people, monkeypatch):
    """Where recording fails, nothing happened; where the change fails, nothing is recorded."""
    from opsportal.identity import operations
    from opsportal.identity.models import Team

    before = Entry.objects.count()
    with pytest.raises(Exception, match=r".+"):
        operations.create_team(slug="emea", name="Twice", actor=KIM, now=clock.now())
    assert Entry.objects.count() == before

    def fail(*args):
        raise RuntimeError("no disk")

    monkeypatch.setattr("opsportal.audit.operations._row", fail)
    with pytest.raises(RuntimeError):
        operations.create_team(slug="latam", name="Latam", actor=KIM, now=clock.now())
    assert not Team.objects.filter(slug="latam").exists()
