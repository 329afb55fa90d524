"""The pages of importing handoffs as owner, teammate, outsider and leader meet them, and the export's way back."""

import csv
import io
from dataclasses import dataclass
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from handoffs.models import Handoff
from handoffs.operations import cancel_handoff, complete_handoff, respond_to_handoff
from opsportal import clock
from opsportal.identity.models import Person
from opsportal.identity.roles import Role
from opsportal.imports.models import ImportBatch
from opsportal.web import uploads
from tests.factories import handoffs as make
from tests.factories import identity as people

pytestmark = pytest.mark.django_db

TEXT = (
    "subject,external_ref,started_at,channel\n"
    "Acme,A-1,2026-10-01 09:00,web\n"
    "<script>alert(1)</script>,A-2,2026-10-01 09:00,'=cmd()\n"
    "Bad,A-3,soon,web\n"
)


@dataclass
class Four:
    owner: Person
    teammate: Person
    outsider: Person
    leader: Person
    ops: Person


@pytest.fixture
def four():
    sales, support = people.make_team("sales"), people.make_team("support")
    make.make_rule("speed", team=sales)
    make.make_rule("care", team=support)
    return Four(
        owner=people.make_person("olga", team=sales),
        teammate=people.make_person("tom", team=sales),
        outsider=people.make_person("otto", team=support),
        leader=people.make_person("lena", roles=[Role.VIEWER]),
        ops=people.make_person("opal", roles=[Role.OPS_LEAD]),
    )


def browser(person):
    client = Client()
    client.force_login(person)
    return client


def send(client, text=TEXT, name="leads.csv", **said):
    raw = text.encode() if isinstance(text, str) else text
    values = {"file": SimpleUploadedFile(name, raw, "text/csv"), "rule": "speed", "mode": "historical", **said}
    return client.post("/handoffs/import/", values)


def body(answer):
    return b"".join(answer.streaming_content).decode("utf-8-sig") if answer.streaming else answer.content.decode()


def test_upload_preview_confirm_result_undo(four):
    client = browser(four.owner)
    page = send(client)
    assert page.status_code == 302
    address = page.url
    preview = client.get(address)
    text = body(preview)
    assert Handoff.objects.count() == 0
    assert "Import 2 handoffs; 1 row stays out" in text
    assert "<script>alert" not in text
    assert "This is no time. Write it like 2026-11-21 15:05." in text
    assert '<td class="number">4</td><td>started_at</td>' in text
    done = client.post(f"{address}confirm/", {"expected": "2"}, follow=True)
    assert "2 handoffs imported." in body(done)
    assert "Olga imported 2 handoffs as history under speed." in body(done)
    assert set(Handoff.objects.values_list("subject", "channel")) == {
        ("Acme", "web"),
        ("<script>alert(1)</script>", "=cmd()"),
    }
    left = list(csv.reader(io.StringIO(body(client.get(f"{address}left-out.csv")))))
    assert left[1] == ["Bad", "A-3", "soon", "web", "4", "started_at: This is no time. Write it like 2026-11-21 15:05."]
    assert "Take out 2 handoffs" in body(client.get(f"{address}undo/"))
    undone = body(client.post(f"{address}undo/", follow=True))
    assert "2 handoffs taken out again." in undone
    assert Handoff.objects.count() == 0
    assert client.get(f"{address}undo/").status_code == 302


def test_what_to_read_as_what_can_be_chosen(four):
    client = browser(four.owner)
    address = send(client, "Was,Wann,Rest\nAcme,03/04/2026 10:00,x\n").url
    assert "No column is read as “Subject”. Choose one." in body(client.get(address))
    chosen = {
        "rule": "speed", "mode": "historical", "timezone": "Europe/Berlin", "dates": "day_first",
        "column_0": "subject", "column_1": "started_at", "column_2": "attribute",
    }  # fmt: skip
    twice = client.post(address, {**chosen, "column_2": "subject"})
    assert twice.status_code == 422
    assert "cannot both be read as subject" in body(twice)
    assert client.post(address, {**chosen, "timezone": "Mars/Base"}).status_code == 422
    assert "Import 1 handoff" in body(client.post(address, chosen, follow=True))
    client.post(f"{address}confirm/", {"expected": "1"})
    handoff = Handoff.objects.get()
    assert handoff.started_at.isoformat() == "2026-04-03T08:00:00+00:00"
    assert handoff.attributes == {"Rest": "x"}


def test_a_wide_file_makes_no_heavy_page(four):
    client = browser(four.owner)
    head = ",".join(["subject", "started_at", *(f"Some Custom Field {n}" for n in range(198))])
    address = send(client, f"{head}\nAcme,2026-10-01 09:00{',value' * 198}\n").url
    page = body(client.get(address))
    assert len(page) < 100_000
    assert '<option value="attribute">kept as an attribute</option>' in page
    chosen = {"rule": "speed", "mode": "historical", "timezone": "UTC", "column_0": "subject", "column_1": "started_at"}
    assert client.post(address, {**chosen, "column_7": "no such field"}).status_code == 422
    assert client.post(address, {**chosen, "column_7": "attribute"}).status_code == 302
    client.post(f"{address}confirm/", {"expected": "1"})
    assert Handoff.objects.get().attributes == {"Some Custom Field 5": "value"}


def test_who_may_see_and_do_what(four):
    client = browser(four.owner)
    address = send(client).url
    for person, status in ((four.teammate, 404), (four.outsider, 404), (four.leader, 403), (four.ops, 404)):
        for path in (address, f"{address}undo/", f"{address}left-out.csv"):
            assert browser(person).get(path).status_code == status, (person, path)
        assert browser(person).post(f"{address}confirm/", {"expected": "2"}).status_code == status
    client.post(f"{address}confirm/", {"expected": "2"})
    for person, status in ((four.teammate, 200), (four.outsider, 404), (four.leader, 403), (four.ops, 200)):
        for path in (address, f"{address}undo/", f"{address}left-out.csv"):
            assert browser(person).get(path).status_code == status, (person, path)
    assert browser(four.leader).get("/handoffs/import/").status_code == 403
    assert browser(four.outsider).post(f"{address}undo/").status_code == 404
    assert Handoff.objects.count() == 2
    assert Client().get("/handoffs/import/").status_code == 302


def test_rules_and_live_are_offered_to_those_who_have_them(four):
    outsiders = body(browser(four.outsider).get("/handoffs/import/"))
    assert "Care" in outsiders
    assert "Speed" not in outsiders
    assert 'value="live"' not in outsiders
    assert send(browser(four.outsider)).status_code == 422
    assert send(browser(four.owner), mode="live").status_code == 422
    assert 'value="live"' in body(browser(four.ops).get("/handoffs/import/"))
    assert send(browser(four.ops), mode="live").status_code == 302


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (b"", "This file is empty."),
        ("a\nM\u00fcller\n".encode("latin-1"), "Line 2 is not in UTF-8."),
        (b"\x1f\x8bpacked", "packed with gzip"),
        (b"PK\x03\x04", "This is a workbook"),
    ],
)
def test_files_that_cannot_be_read_are_refused_at_the_field(four, raw, sentence):
    page = send(browser(four.owner), raw)
    assert page.status_code == 422
    assert sentence in body(page)
    assert ImportBatch.objects.count() == 0


def test_a_file_beyond_the_limit_is_dropped_while_it_arrives(four, monkeypatch):
    monkeypatch.setattr(uploads, "MAX_BYTES", 1_000)
    page = send(browser(four.owner), "subject\n" + "x" * 5_000)
    assert page.status_code == 422
    assert "A file has at most 10 MB." in body(page)


def test_names_of_files_are_text(four):
    client = browser(four.owner)
    page = body(client.get(send(client, name="<img src=x onerror=alert(1)>.csv").url))
    assert "<img" not in page


def test_a_file_can_be_given_up(four):
    client = browser(four.owner)
    address = send(client).url
    assert "is forgotten" in body(client.post(f"{address}discard/", follow=True))
    assert client.get(address).status_code == 404


def test_a_second_press_of_the_button_changes_nothing(four):
    client = browser(four.owner)
    address = send(client).url
    client.post(f"{address}confirm/", {"expected": "2"})
    assert "imported or given up already" in body(client.post(f"{address}confirm/", {"expected": "2"}, follow=True))
    assert Handoff.objects.count() == 2
    preview = body(client.get(send(client).url))
    assert "This very file was imported" in preview
    assert "Nothing in it is new" not in preview  # one row stays out
    assert "Nothing in it can be imported." in preview


def test_the_export_comes_back_unchanged(four):
    ana = people.make_person("ana")
    started = clock.now() - timedelta(days=9)
    rule = make.make_rule("hot", team=four.owner.team, segments=[{"channel": "web", "sla_minutes": 15}])
    said = {"rule": rule, "owner": ana, "backup_owner": None, "started_at": started, "now": started}
    later = {"actor": people.SETUP, "now": started + timedelta(hours=2)}
    respond_to_handoff(make.make_handoff(subject="=1+1", channel="@web", **said), **later)
    complete_handoff(
        make.make_handoff(subject="'=quoted", url="https://crm.example/1", **said), outcome="-won", **later
    )
    cancel_handoff(
        make.make_handoff(subject="+49 30", attributes={"a": ["\t=x", 1]}, **said), reason="\u00fc;,\"'", **later
    )
    make.make_handoff(subject="Own, timer", sla_minutes=7, channel="web", external_ref="", **said)
    make.make_handoff(subject="Two\nlines", channel="web", icp="=ent", amount="-12.50", **said)
    client = browser(four.ops)
    exported = body(client.get("/handoffs/?rule=hot&format=csv"))
    assert "There already" in body(client.get(send(client, exported, rule="hot").url))

    kept = {str(one.pk): one for one in Handoff.objects.with_names()}
    names = [
        "subject", "external_ref", "state", "owner_id", "backup_owner_id", "sla_minutes", "sla_is_own", "started_at",
        "assigned_at", "first_response_at", "completed_at", "cancelled_at", "cancel_reason", "outcome", "channel",
        "icp", "amount", "url", "source", "trace_id", "attributes", "due_at", "business_hit", "absolute_hit", "missed",
        "elapsed_seconds", "within_business_hours", "breached", "stop_clock",
    ]  # fmt: skip

    def facts():
        return sorted([getattr(one, name) for name in names] for one in Handoff.objects.order_by("pk"))

    before = facts()
    make_source_plain = {"csv": ""}
    Handoff.objects.filter(pk__in=kept).delete()
    address = send(client, exported, rule="hot").url
    done = client.post(f"{address}confirm/", {"expected": "5"}, follow=True)
    assert "5 handoffs imported." in body(done)
    after = [
        [
            make_source_plain.get(value, value) if name == "source" else value
            for name, value in zip(names, one, strict=True)
        ]
        for one in facts()
    ]
    assert after == before
