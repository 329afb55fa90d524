"""`manage.py import_events`: logs from files become cases and handoffs, once, whatever kills the import."""

import csv
import gzip
import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from handoffs.importing import running
from handoffs.models import CaseEvent, EventImport, EventKey, Handoff
from handoffs.states import RuleMode
from opsportal import clock
from opsportal.audit.models import Entry
from opsportal.calendars.operations import create_calendar
from opsportal.identity.roles import Role
from tests.conftest import ROOT
from tests.factories.api import caller
from tests.factories.handoffs import make_rule, sweep
from tests.factories.identity import SETUP, make_person
from tests.handoffs.logs import XES, real_log

pytestmark = pytest.mark.django_db

LEAD = {
    "start_on": {"event_name": "lead", "lifecycle": "SCHEDULE"},
    "respond_on": {"event_name": "lead", "lifecycle": "START"},
}
CSV = """Case ID;Activity;Timestamp;Resource;Region
7;called;2026-01-05 09:00:00;kim;north
7;closed;2026-01-05 10:00:00;;
"""


@pytest.fixture
def file(tmp_path: Path) -> Any:
    def write(name: str, text: str) -> Path:
        path = tmp_path / name
        body = text.encode()
        path.write_bytes(gzip.compress(body) if name.endswith(".gz") else body)
        return path

    return write


def run(*arguments: object) -> tuple[int, str, str]:
    """The exit code, standard output and standard error."""
    out, error = StringIO(), StringIO()
    try:
        call_command("import_events", *map(str, arguments), stdout=out, stderr=error)
    except SystemExit as end:
        return int(end.code or 0), out.getvalue(), error.getvalue()
    except CommandError as refusal:
        return refusal.returncode, out.getvalue(), str(refusal)
    return 0, out.getvalue(), error.getvalue()


def rows() -> list[tuple[Any, ...]]:
    return list(CaseEvent.objects.order_by("id").values_list("case_id", "event_name", "lifecycle", "actor_kind"))


@pytest.mark.parametrize("name", ["log.xes", "log.xes.gz"])
def test_xes_becomes_events_and_handoffs(file: Any, name: str):
    make_rule(**LEAD)
    code, out, _ = run(file(name, XES), "--system", "robot", "--source", "lender")
    assert (code, "3 created" in out) == (0, True)
    assert rows() == [
        ("L1", "lead", "SCHEDULE", "unknown"),
        ("L1", "lead", "START", "human"),
        ("L2", "lead", "SCHEDULE", "system"),
    ]
    first = CaseEvent.objects.earliest("id")
    assert (str(first.amount), first.source, first.historical) == ("20000.00", "lender", True)
    assert first.attributes == {"score": 7, "hot": True, "case:rate": 1.5}
    lead = Handoff.objects.get(external_ref="L1")
    assert (lead.started_at, lead.elapsed_seconds) == (datetime(2026, 1, 5, 9, tzinfo=UTC), 720)
    assert (lead.historical, str(lead.amount), lead.trace_id) == (True, "20000.00", first.trace_id)
    assert sweep(clock.now()) == 0


def test_the_same_file_twice_changes_nothing(file: Any):
    make_rule(**LEAD)
    path = file("log.xes", XES)
    run(path)
    before = rows(), EventKey.objects.count(), list(Handoff.objects.order_by("pk").values()), _entries()
    code, out, _ = run(path)
    assert (code, "3 duplicate" in out) == (0, True)
    assert before == (rows(), EventKey.objects.count(), list(Handoff.objects.order_by("pk").values()), _entries())


def _entries() -> int:
    return Entry.objects.filter(action__startswith="handoff.").count()


def test_live_events_act_at_the_next_sweep(file: Any):
    make_rule(**LEAD)
    run(file("log.xes", XES), "--live")
    assert sweep(clock.now()) > 0


def test_columns_are_guessed_and_shown_before_anything_is_written(file: Any):
    path = file("crm.csv", CSV)
    code, out, _ = run(path, "--preview", "--timezone", "Europe/Amsterdam", "--map", "Region=location")
    assert code == 0
    assert "Case ID -> case_id" in out
    assert "Activity -> event_name" in out
    assert '"occurred_at":"2026-01-05T08:00:00Z"' in out
    assert not CaseEvent.objects.exists()
    code, out, _ = run(path, "--dry-run", "--timezone", "Europe/Amsterdam")
    assert (code, "2 good" in out, CaseEvent.objects.exists()) == (0, True, False)
    run(path, "--timezone", "Europe/Amsterdam", "--map", "Region=location", "--map", "Resource=attributes.team")
    event = CaseEvent.objects.earliest("id")
    assert (event.location, event.actor_kind, event.attributes) == ("north", "unknown", {"team": "kim"})


def test_refused_rows_are_told_with_their_reason_and_kept_apart(file: Any, tmp_path: Path):
    path = file("crm.csv", CSV.replace("2026-01-05 10:00:00", "2026-01-05T10:00:00Z") + "8;;2026-01-05T10:00:00Z;x;y\n")
    kept = tmp_path / "refused.ndjson"
    code, out, error = run(path, "--refused", kept)
    assert (code, "1 created, 2 invalid" in out) == (1, True)
    assert "record 1: invalid, naive timestamp" in error
    refused = [json.loads(row) for row in kept.read_text().splitlines()]
    assert [(one["record"], one["code"], one["field"]) for one in refused] == [
        (1, "naive", "timestamp"),
        (3, "required", "event_name"),
    ]
    assert refused[0]["said"]["Region"] == "north"


def test_ndjson_is_read_as_the_api_writes_it(file: Any):
    good = {"case_id": "C1", "event_name": "lead", "timestamp": "2026-01-05T09:00:00Z", "source": "crm"}
    text = "\n".join([json.dumps(good), "", json.dumps({**good, "event_id": "e1"}), "{", json.dumps(good) + " "])
    code, out, _ = run(file("log.ndjson", text))
    assert (code, "3 created, 1 invalid" in out) == (1, True)
    assert set(CaseEvent.objects.values_list("source", flat=True)) == {"crm"}
    assert run(file("log.ndjson.gz", text))[1].startswith("log.ndjson.gz: 3 duplicate, 1 invalid")


BOMB = '<!DOCTYPE log [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("log.xes", XES.replace("<log", BOMB + "<log", 1), "document type"),
        ("log.xes", XES.replace("<log", '<!DOCTYPE log SYSTEM "file:///etc/passwd"><log', 1), "document type"),
        ("log.xes", XES[:-30], "not XML"),
        ("log.xes", "<html></html>", "no log"),
        ("log.xes", "<log>" + "<string key='a'>" * 70, "nested"),
        ("log.csv", "a,b\n1,2\n", "No column for case_id, event_name, timestamp"),
        ("log.csv", "", "names no columns"),
        ("log.csv", "case,case\n1,2\n", "twice"),
        ("log.txt", "x", "a log is a"),
    ],
)
def test_a_file_that_is_no_log_is_unusable(file: Any, name: str, text: str, said: str):
    code, _, error = run(file(name, text))
    assert (code, said in error) == (2, True), error


def test_what_cannot_be_asked_is_unusable(file: Any, tmp_path: Path):
    path = file("log.xes", XES)
    assert run(tmp_path / "absent.csv")[0] == 2
    assert run(path, "--map", "AMOUNT_REQ=colour")[0] == 2
    assert run(path, "--map", "NOPE=amount")[0] == 2
    assert run(path, "--timezone", "Mars/Olympus")[0] == 2
    damaged = file("log.csv.gz", CSV)
    damaged.write_bytes(damaged.read_bytes()[:-10])
    assert run(damaged)[0] == 2


def test_an_interrupted_import_goes_on_behind_its_last_chunk(file: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(running, "CHUNK", 10)
    text = "case,activity,timestamp\n" + "".join(f"{n},a,2026-01-05T09:00:00Z\n" for n in range(55))
    path, take, taken = file("log.csv", text), running.Import._take, []

    def stop_in_the_third(self: Any, *arguments: Any) -> None:
        taken.append(1)
        if len(taken) == 3:
            raise KeyboardInterrupt
        take(self, *arguments)

    monkeypatch.setattr(running.Import, "_take", stop_in_the_third)
    with pytest.raises(KeyboardInterrupt):
        run(path)
    assert (CaseEvent.objects.count(), EventImport.objects.get().position) == (20, 20)
    monkeypatch.setattr(running.Import, "_take", take)
    code, out, error = run(path)
    assert (code, "55 created" in out, "behind record 20" in error) == (0, True, True)
    assert CaseEvent.objects.count() == 55


def test_killed_again_and_again_it_ends_with_every_event_once(file: Any, empty_database: str, manage: Any):
    manage("migrate", "--verbosity", "0", database=empty_database)
    text = "case,activity,timestamp\n" + "".join(f"{n // 3},a{n},2026-01-05T09:00:00Z\n" for n in range(40_000))
    path = file("log.csv", text)
    command = [sys.executable, str(ROOT / "manage.py"), "import_events", str(path)]
    for seconds in (2.0, 2.6, 3.2):
        process = subprocess.Popen(
            command,
            env=os.environ | {"DATABASE_URL": empty_database},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    manage("import_events", str(path), database=empty_database)
    assert "40,000 duplicate" in manage("import_events", str(path), database=empty_database).stdout


def test_two_importers_of_one_file_at_once_write_each_event_once(file: Any, empty_database: str, manage: Any):
    manage("migrate", "--verbosity", "0", database=empty_database)
    text = "case,activity,timestamp\n" + "".join(f"{n // 3},a{n},2026-01-05T09:00:00Z\n" for n in range(20_000))
    command = [sys.executable, str(ROOT / "manage.py"), "import_events", str(file("log.csv", text))]
    environment = os.environ | {"DATABASE_URL": empty_database}
    both = [subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) for _ in "ab"]
    assert [(one.communicate(timeout=240)[1][-500:], one.returncode) for one in both] == [(ANY, 0)] * 2
    count = (
        "from handoffs.models import CaseEvent, EventKey; print(CaseEvent.objects.count(), EventKey.objects.count())"
    )
    assert manage("shell", "--no-imports", "-c", count, database=empty_database).stdout.split() == ["20000", "20000"]


# --- real logs ---


def test_small_real_logs_are_read_without_a_word():
    code, out, _ = run(real_log("running-example.csv"))
    assert (code, "42 created" in out, CaseEvent.objects.values("case_id").distinct().count()) == (0, True, 6)
    code, out, _ = run(real_log("receipt.csv"))
    receipt = CaseEvent.objects.filter(case_id__startswith="case-")
    assert (code, "8,577 created" in out, receipt.values("case_id").distinct().count()) == (0, True, 1434)
    assert receipt.exclude(channel="").count() == 8577


@pytest.mark.slow
def test_speed_to_lead_of_a_real_lender(request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]):
    if request.config.getoption("--db") != "postgres":
        pytest.skip("the large log runs once, with --db postgres")
    log = real_log("bpic2012.xes.gz")
    lender_rules()
    began = time.monotonic()
    code, out, _ = run(log, "--map", "AMOUNT_REQ=amount")
    with capsys.disabled():
        print(f"\n262,200 events in {time.monotonic() - began:.1f} s")
    assert (code, "262,200 created" in out) == (0, True)
    found = {slug: figures(slug) for slug in ("speed-30", "speed-60")}
    assert found == {"speed-30": (4755, 2765, 2048, 3309), "speed-60": (4755, 3735, 2650, 3309)}
    for slug, by_split in LENDER_RATES.items():
        assert rates_by_api(slug) == by_split
        assert rates_by_csv(slug) == by_split
    code, out, _ = run(log, "--map", "AMOUNT_REQ=amount")
    assert (code, "262,200 duplicate" in out, CaseEvent.objects.count()) == (0, True, 262_200)
    assert found == {slug: figures(slug) for slug in found}


# (n, business hits, absolute hits, begun in hours, of these within the time) of each value, by a reading of the log
# that shares no code with the portal: 60 lines over xml.etree and zoneinfo.
LENDER_RATES = {
    "speed-30": {
        "amount": {
            "0-1000": (61, 36, 27, 49, 27),
            "1000-5000": (653, 348, 250, 456, 249),
            "5000-10000": (1569, 869, 643, 1086, 638),
            "10000-25000": (1631, 990, 735, 1128, 730),
            "25000-100000": (841, 522, 393, 590, 390),
        },
        "within_business_hours": {"true": (3309, 2066, 2034, 3309, 2034), "false": (1446, 699, 14, 0, 0)},
    },
    "speed-60": {
        "amount": {
            "0-1000": (61, 51, 39, 49, 39),
            "1000-5000": (653, 490, 344, 456, 340),
            "5000-10000": (1569, 1229, 874, 1086, 862),
            "10000-25000": (1631, 1292, 917, 1128, 906),
            "25000-100000": (841, 673, 476, 590, 471),
        },
        "within_business_hours": {"true": (3309, 2662, 2618, 3309, 2618), "false": (1446, 1073, 32, 0, 0)},
    },
}
LENDER_HEADLINES = {"speed-30": "58.1%", "speed-60": "78.5%"}
Splits = dict[str, dict[str, tuple[int, ...]]]


def rates_by_api(slug: str) -> Splits:
    found: Splits = {}
    for split in ("amount", "within_business_hours"):
        answer = caller("handoffs:read").get(f"/api/v1/hit-rate/?rule={slug}&group_by={split}").json()
        found[split] = {
            str(one["key"][split]).lower(): (
                one["n"],
                *(one[kind]["hits"] for kind in ("business", "absolute")),
                *(one["in_hours"][part] for part in ("evaluated", "hits")),
            )
            for one in answer["groups"]
        }
    return found


def rates_by_csv(slug: str) -> Splits:
    client = Client()
    client.force_login(make_person(roles=[Role.OPS_LEAD]))
    page = f"/hit-rate/?rule={slug}&span=all"
    assert LENDER_HEADLINES[slug] in client.get(page).content.decode()
    text = b"".join(client.get(f"{page}&format=csv").streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    names = ("n", "business_hits", "absolute_hits", "in_hours_evaluated", "in_hours_hits")
    found: Splits = {"amount": {}, "within_business_hours": {}}
    for row in csv.DictReader(text.splitlines()):
        if row["split_by"] in found:
            found[row["split_by"]][row["value"]] = tuple(int(row[name]) for name in names)
    return found


def lender_rules() -> None:
    """The speed-to-lead reading of the log, at two targets."""
    hours = {day: [["09:00", "21:00"]] for day in ("mon", "tue", "wed", "thu", "fri")} | {"sat": [["10:00", "17:00"]]}
    now = clock.now() - timedelta(minutes=5)
    create_calendar(
        slug="lender", timezone="Europe/Amsterdam", weekly=hours, overrides={"2011-12-26": []}, actor=SETUP, now=now
    )
    work = "W_Afhandelen leads"
    for minutes in (30, 60):
        make_rule(
            f"speed-{minutes}",
            mode=RuleMode.ACTIVE,
            calendar="lender",
            sla_minutes=minutes,
            now=now,
            start_on={"event_name": work, "lifecycle": "SCHEDULE"},
            respond_on={"event_name": work, "lifecycle": "START"},
        )


def figures(slug: str) -> tuple[int, ...]:
    """Handoffs, hits by the business clock, hits by the wall clock, those that started within hours."""
    found = Handoff.objects.filter(rule__slug=slug)
    hits = found.filter(business_hit=True), found.filter(absolute_hit=True), found.filter(within_business_hours=True)
    return (found.count(), *(one.count() for one in hits))
