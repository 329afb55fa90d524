"""/metrics: bounded labels, counters that only grow, both formats, and who may read what."""

import subprocess
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from opsportal import clock
from opsportal.facts.operations import claim_fact
from opsportal.identity.roles import Role
from slos.budgets.engine import RunCounts
from slos.exposition.engine import text
from slos.exposition.engine.totals import MAX_CLASSES, grown, run_figures
from slos.exposition.totals import sweep_totals
from slos.models import ExportedTotal, Run, RunBucket
from tests.factories.budgets import sweep, weekly_downtime
from tests.factories.catalog import make_automation, make_freeze
from tests.factories.facts import escalate_handoff
from tests.factories.handoffs import after
from tests.factories.heartbeats import make_heartbeat
from tests.factories.identity import SETUP, bearer, make_person, make_team, make_token
from tests.factories.runs import a_run, make_runs
from tests.slos.promtool import needs_promtool, promtool

pytestmark = pytest.mark.django_db

SCOPES = ("slos:read", "runs:read", "heartbeats:read")


def read(*scopes: str, accept: str = "", **token: Any) -> str:
    _, key = make_token(*(scopes or SCOPES), **token)
    answer = Client().get("/metrics", headers={**bearer(key), "Accept": accept})
    assert answer.status_code == 200, answer.content
    return answer.content.decode()


def samples(body: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in parse_text(body)
        for sample in family.samples
    }


def value(body: str, name: str, **labels: str) -> float | None:
    """The sum of the samples of a name that have these labels."""
    found = [
        amount
        for (metric, told), amount in samples(body).items()
        if metric == name and labels.items() <= dict(told).items()
    ]
    return sum(found) if found else None


@pytest.fixture
def house():
    """An automation with runs of the last hour, an SLO over it, a heartbeat, a freeze."""
    now = clock.now()
    automation = make_automation("lead-router", tier="P0", active=True, owner=make_person("owner"))
    ended = now - timedelta(minutes=5)
    reports = [a_run(automation, ended=ended, seconds=seconds) for seconds in (0.5, 4, 30, 90)]
    reports.append(a_run(automation, ended=ended, seconds=20, status="failed", error_type="RateLimit"))
    make_runs(reports, now=now)
    weekly_downtime(automation)
    make_heartbeat(automation=automation)
    make_freeze(now=now)
    sweep(now)
    sweep_totals(now)
    return automation


def test_both_formats_say_the_same_and_each_is_read_by_its_own_parser(house):
    plain, openmetrics = read(), read(accept="application/openmetrics-text; version=1.0.0, text/plain;q=0.5")
    assert openmetrics.endswith("# EOF\n")
    told = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in parse_openmetrics(openmetrics)
        for sample in family.samples
    }
    ages = {key for key in told if key[0].startswith("opsportal_sweep_age")}
    expected = samples(plain)
    assert told.keys() == expected.keys()
    assert {key: told[key] for key in told.keys() - ages} == {key: expected[key] for key in told.keys() - ages}


def test_runs_are_counted_by_how_they_ended_and_how_long_they_took(house):
    body = read()
    assert value(body, "opsportal_runs_total", automation="lead-router", status="succeeded") == 4
    assert value(body, "opsportal_runs_total", automation="lead-router", status="failed") == 1
    assert value(body, "opsportal_run_errors_total", error_type="RateLimit") == 1
    buckets = {
        dict(labels)["le"]: amount
        for (name, labels), amount in samples(body).items()
        if name == "opsportal_run_duration_seconds_bucket"
    }
    assert (buckets["1.0"], buckets["5.0"], buckets["60.0"], buckets["300.0"], buckets["+Inf"]) == (1, 2, 3, 4, 4)
    assert value(body, "opsportal_run_duration_seconds_sum") == pytest.approx(124.5, rel=0.01)


def test_the_rest_of_the_house_is_there(house):
    body = read()
    assert value(body, "opsportal_slo_target_ratio") == 0.995
    assert value(body, "opsportal_slo_state") == 1
    assert value(body, "opsportal_freeze_active", automation="lead-router", tier="P0") == 1
    assert value(body, "opsportal_heartbeat_status") == 1
    assert value(body, "opsportal_automation_info", automation="lead-router", state="active") == 1
    assert value(body, "opsportal_outbox_waiting") is not None
    assert value(body, "opsportal_dead_letters", automation="lead-router") == 0
    assert value(body, "opsportal_sweep_stale", sweep="budgets") is not None


def test_facts_of_every_room_are_counted_until_somebody_claims_them(house):
    before = value(read(), "opsportal_facts_unclaimed", room="handoffs", kind="escalation")
    assert value(read(), "opsportal_facts_unclaimed", room="slos", kind="error_drift") == 0
    fact = escalate_handoff(after(90))
    assert value(read(), "opsportal_facts_unclaimed", room="handoffs", kind="escalation") == before + 1
    claim_fact(fact, claimed_by="alert 7", actor=SETUP, now=after(91))
    assert value(read(), "opsportal_facts_unclaimed", room="handoffs", kind="escalation") == before


def test_counters_stay_when_retention_takes_runs_and_rollups(house):
    before = value(read(), "opsportal_runs_total")
    Run.objects.all().delete()
    RunBucket.objects.all().delete()
    sweep_totals(clock.now())
    assert value(read(), "opsportal_runs_total") == before


def test_counting_twice_counts_once_and_more_runs_count_more(house):
    now = clock.now()
    sweep_totals(now)
    assert value(read(), "opsportal_runs_total") == 5
    make_runs([a_run(house, ended=now - timedelta(minutes=3))], now=now)
    sweep(now)
    sweep_totals(now)
    assert value(read(), "opsportal_runs_total") == 6


def test_what_was_there_before_the_first_count_is_in_the_totals():
    now, automation = clock.now(), make_automation("old-one")
    make_runs([a_run(automation, ended=now - timedelta(days=40))], now=now)
    sweep(now)
    sweep_totals(now)
    assert value(read(), "opsportal_runs_total", automation="old-one") == 1


def test_no_label_names_a_run_or_a_person(house):
    body = read()
    names = {name for family in parse_text(body) for sample in family.samples for name in sample.labels}
    assert names <= {
        *("automation", "tier", "status", "error_type", "le", "slo", "window", "state", "platform", "team"),
        *("heartbeat", "sweep", "room", "kind", "version"),
    }
    assert not any(run_id in body for run_id in Run.objects.values_list("run_id", flat=True))


counts = st.builds(
    RunCounts,
    succeeded=st.integers(0, 50),
    failed=st.integers(0, 50),
    errors=st.dictionaries(st.text(min_size=1, max_size=3), st.integers(1, 9), max_size=30),
    durations=st.dictionaries(st.integers(-1, 900).map(str), st.integers(1, 9), max_size=20),
)


@given(st.lists(counts, max_size=6))
@hypothesis_settings(max_examples=60)
def test_no_figure_ever_shrinks_and_error_classes_stay_few(days: list[RunCounts]):
    totals: dict[str, int] = {}
    before: dict[str, int] = {}
    for day in days:
        figures = run_figures(day, totals)
        after = grown(totals, before, figures)
        assert all(after[name] >= amount for name, amount in totals.items())
        totals, before = after, figures
    assert sum(name.startswith("error|") for name in totals) <= MAX_CLASSES + 1


@given(st.text(max_size=40), st.floats() | st.integers())
@hypothesis_settings(max_examples=60)
def test_any_label_and_number_reads_back(label: str, amount: float):
    label = label.replace("\r", "")  # both readers split lines at it
    family = text.Family("opsportal_try", text.GAUGE, 'A "help"\nwith \\ all.')
    family.add(text.labels(name=label), amount)
    for openmetrics, parse in ((False, parse_text), (True, parse_openmetrics)):
        ((sample,),) = [one.samples for one in parse(text.written([family], openmetrics=openmetrics))]
        assert sample.labels == {"name": label}
        assert sample.value == pytest.approx(float(amount), nan_ok=True)


@pytest.mark.parametrize(
    ("accept", "openmetrics"),
    [
        ("", False),
        ("*/*", False),
        ("text/plain;version=0.0.4", False),
        ("application/openmetrics-text", True),
        ("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2,*/*;q=0.1", True),
        ("application/openmetrics-text;q=0.1,text/plain;q=0.9", False),
        ("application/openmetrics-text;q=0", False),
        ("application/openmetrics-text;q=x", False),
        (";;;,,,", False),
    ],
)
def test_accept_chooses_the_format(accept: str, openmetrics: bool):
    assert text.wants_openmetrics(accept) is openmetrics


def test_nobody_reads_without_a_credential_and_a_token_needs_the_scope():
    assert Client().get("/metrics").status_code == 401
    assert Client().get("/metrics", headers=bearer("wrong")).status_code == 401
    _, key = make_token("runs:read")
    assert Client().get("/metrics", headers=bearer(key)).status_code == 403
    assert Client().post("/metrics").status_code == 405


def test_what_runs_and_heartbeats_tell_takes_their_scopes(house):
    body = read("slos:read")
    assert value(body, "opsportal_slo_target_ratio") is not None
    assert value(body, "opsportal_runs_total") is None
    assert value(body, "opsportal_heartbeat_status") is None


def test_a_leader_in_the_browser_sees_budgets_and_no_telemetry(house):
    leader = make_person("leader", roles=[Role.VIEWER])
    client = Client()
    client.force_login(leader, backend="opsportal.identity.backends.PersonBackend")
    body = client.get("/metrics").content.decode()
    assert value(body, "opsportal_slo_target_ratio") is not None
    assert value(body, "opsportal_runs_total") is None


def test_a_teams_token_sees_its_team_only():
    sales, support = make_team("sales"), make_team("support")
    make_automation("ours", team=sales)
    make_automation("theirs", team=support)
    body = read(*SCOPES, team=sales)
    assert value(body, "opsportal_automation_info", automation="ours") == 1
    assert "theirs" not in body


def test_the_servers_own_token_sees_everything_once_it_is_long_enough(settings, house):
    for token, status in (("short", 401), ("a-token-of-the-server-1", 200)):
        settings.METRICS_TOKEN = token
        assert Client().get("/metrics", headers=bearer(token)).status_code == status
    settings.METRICS_TOKEN = ""
    assert Client().get("/metrics", headers=bearer("")).status_code == 401


def test_the_number_of_queries_does_not_follow_the_number_of_automations(house):
    _, key = make_token(*SCOPES)

    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            Client().get("/metrics", headers=bearer(key))
        return len(captured)

    queries()
    few = queries()
    for number in range(12):
        automation = make_automation(f"more-{number}")
        weekly_downtime(automation, slug=f"more-{number}")
        make_heartbeat(f"beat-{number}", automation=automation)
    now = clock.now()
    sweep(now)
    sweep_totals(now)
    assert ExportedTotal.objects.count() >= 26
    assert queries() <= few


@needs_promtool
def test_promtool_finds_nothing_to_say(house):
    said = promtool("check", "metrics", stdin=read())
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")
    assert isinstance(said, subprocess.CompletedProcess)
