"""OpenSLO in and out: lenient with precise notes, strict on the way out, and nothing is lost between."""

import io
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from opsportal.catalog.models import Automation
from slos.exposition.openslo.checking import faults_of
from slos.exposition.openslo.giving import label_of, objects_of
from slos.exposition.openslo.reading import Source, read_text
from slos.exposition.openslo.versions import as_v1
from slos.models import Slo
from slos.objectives.document import from_document, to_document
from slos.objectives.operations import change_slo, create_slo
from slos.objectives.starters import JOURNEYS, documents
from tests.factories.budgets import weekly_downtime
from tests.factories.catalog import make_automation
from tests.factories.heartbeats import make_heartbeat
from tests.factories.identity import NOW, SETUP
from tests.factories.objectives import make_slo

pytestmark = pytest.mark.django_db

FILES = Path(__file__).parent / "openslo"
EVERY = sorted(path.name for path in FILES.glob("*.yaml"))


@pytest.fixture
def web() -> Automation:
    return make_automation("web")


def take_in(*names: str | Path, **options: Any) -> tuple[int, str, str]:
    """Exit code, what was done, notes."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    try:
        call_command("import_openslo", *(str(FILES / name) for name in names), stdout=out, stderr=err, **options)
    except SystemExit as ended:
        code = int(ended.code or 0)
    return code, out.getvalue(), err.getvalue()


def give_out(tmp_path: Path, *slugs: str) -> list[dict[str, Any]]:
    path = tmp_path / "out.yaml"
    call_command("export_openslo", *slugs, "--output", str(path))
    sources, notes = read_text("out.yaml", path.read_bytes())
    assert notes == []
    return [source.body for source in sources]


def objects_in(name: str) -> list[dict[str, Any]]:
    """The objects of a file in v1, as read: without keys that say nothing, secrets hidden."""
    sources, _ = read_text(name, (FILES / name).read_bytes())
    found = []
    for source in sources:
        body, carried = as_v1(source)
        found += [*carried, body]
    return found


def same(one: list[dict[str, Any]], other: list[dict[str, Any]]) -> bool:
    def key(body: dict[str, Any]) -> tuple[str, str]:
        return body["kind"], body["metadata"]["name"]

    return sorted(one, key=key) == sorted(other, key=key)


@pytest.mark.parametrize("name", EVERY)
def test_what_came_in_comes_out_the_same_and_passes_the_specification(web, tmp_path: Path, name: str):
    take_in(name)
    given_out = give_out(tmp_path)
    expected = [
        body
        for body in objects_in(name)
        if body["metadata"]["name"] not in ("nobody-refers-to-this", "promises-nothing")
    ]
    assert same(given_out, expected)
    assert [fault for body in given_out for fault in faults_of(body)] == []


@pytest.mark.parametrize("name", EVERY)
def test_coming_in_again_from_our_own_file_changes_nothing(web, tmp_path: Path, name: str):
    take_in(name)
    before = {slo.slug: {**to_document(slo), "version": 0} for slo in Slo.objects.all()}
    first = tmp_path / "first.yaml"
    call_command("export_openslo", "--output", str(first))
    take_in(first, update=True)
    assert {slo.slug: {**to_document(slo), "version": 0} for slo in Slo.objects.all()} == before
    second = tmp_path / "second.yaml"
    call_command("export_openslo", "--output", str(second))
    assert second.read_text() == first.read_text()


def test_a_ratio_by_slices_of_a_calendar_week(web):
    code, said, notes = take_in("v1-ratio-calendar-timeslices.yaml")
    assert (code, said) == (0, "created web-availability\n")
    slo = to_document(Slo.objects.get())
    assert (slo["kind"], slo["method"], slo["target"]) == ("availability", "time_slices", "99.5")
    assert (slo["slice_seconds"], slo["slice_target"]) == (60, "95")
    assert slo["window"] == {"kind": "calendar", "unit": "week", "timezone": "America/New_York"}
    assert (slo["automation"], slo["state"]) == ("web", "draft")
    where = "v1-ratio-calendar-timeslices.yaml, document 1 (web-availability)"
    assert f"{where}, spec.timeWindow[0].calendar.startTime: 2022-01-01 12:00:00: our week begins on Monday" in notes
    assert f"{where}, spec.indicator: its queries are kept, and not run" in notes


def test_each_objective_becomes_an_slo_and_minutes_of_a_calendar_are_months(web):
    _, _, notes = take_in("v1-two-objectives.yaml")
    first, second = (to_document(slo) for slo in Slo.objects.order_by("slug"))
    assert (first["slug"], first["target"]) == ("service-availability", "99.5")
    assert (second["slug"], second["target"], second["name"]) == (
        "service-availability-2",
        "99",
        "service-availability: SLA",
    )
    assert first["window"]["unit"] == "month"
    assert "is minutes (M would be months); taken as a calendar month." in notes


def test_references_are_followed_and_secrets_are_left_behind(web, tmp_path: Path):
    _, _, notes = take_in("v1-by-reference.yaml")
    slo = to_document(Slo.objects.get())
    assert (slo["kind"], slo["threshold_seconds"]) == ("latency", 0.25)
    assert "spec.connectionDetails.accessToken: looks like a secret; it is not kept" in notes
    assert "nothing imported refers to this Service; left out." in notes
    assert "alerts follow from window and target" in notes
    given_out = give_out(tmp_path)
    assert {body["kind"] for body in given_out} == {
        *("Service", "SLI", "DataSource", "AlertPolicy", "AlertCondition", "AlertNotificationTarget", "SLO"),
    }
    assert "very-secret-value" not in str(given_out) + str(Slo.objects.get().openslo)


def test_v1alpha_has_units_and_sources_of_its_own(web):
    _, _, notes = take_in("v1alpha.yaml")
    latency, ratio = Slo.objects.get(slug="web-latency-threshold"), Slo.objects.get(slug="web-availability-ratio")
    assert to_document(latency)["threshold_seconds"] == 0.2  # the query says milliseconds
    assert to_document(ratio)["window"] == {"kind": "rolling", "days": 30, "timezone": "UTC"}
    assert "timeSliceWindow: is not part of v1alpha; taken as 1m." in notes


def test_a_composite_of_v2alpha_has_weighted_parts(web, tmp_path: Path):
    code, said, notes = take_in("v2alpha-composite.yaml")
    assert code == 1
    assert "promises-nothing), spec.objectives: promises nothing; not imported." in notes
    whole = to_document(Slo.objects.get(slug="web-whole"))
    assert (whole["kind"], whole["target"]) == ("composite", "98")
    assert [(row["slo"], row["weight"]) for row in whole["parts"]] == [
        ("web-whole-part-1", "2"),
        ("web-whole-part-2", "1"),
    ]
    assert Slo.objects.get(slug="web-whole-part-2").threshold_ms == 2_000
    (body,) = [one for one in give_out(tmp_path) if one["kind"] == "SLO"]
    assert body["spec"]["objectives"][0]["compositeWeight"] == 2
    assert "do-not-keep" not in str(Slo.objects.get(slug="web-whole").openslo)


def test_what_is_changed_here_is_changed_there_and_nothing_else(web, tmp_path: Path):
    take_in("v1-ratio-calendar-timeslices.yaml")
    slo = Slo.objects.get()
    document = {**to_document(slo), "target": "99.9", "name": "Another name"}
    change_slo(slo, definition=from_document(document, openslo=slo.openslo), actor=SETUP, now=NOW)
    (before,), (after,) = objects_in("v1-ratio-calendar-timeslices.yaml"), give_out(tmp_path)
    assert after["spec"]["objectives"][0].pop("target") == 0.999
    assert before["spec"]["objectives"][0].pop("target") == 0.995
    assert after["metadata"].pop("displayName") == "Another name"
    del before["metadata"]["displayName"]
    assert after == before


def test_our_own_slos_go_out_and_come_back_exactly(tmp_path: Path):
    router = make_automation("lead-router")
    weekly_downtime(router, slug="lead-router-uptime")
    make_slo("fresh", automation=router, kind="freshness", threshold_seconds=300, target="99")
    make_slo("slices", automation=router, method="time_slices", slice_seconds=300, slice_target="99.5", target="99.95")
    make_slo("beat", kind="heartbeat", method="downtime", heartbeat=make_heartbeat("hourly", automation=router).slug)
    alerts = [{"burn": "3", "long_seconds": 3600, "short_seconds": 300, "severity": "page"}]
    make_slo("typed", automation=router, target="99.999", burn_alerts=alerts, window={"kind": "rolling", "days": 30})
    make_slo("both", kind="composite", parts=[{"slo": "fresh", "weight": "2.5"}, {"slo": "slices", "weight": "1"}])
    make_slo("long-" + "x" * 70, automation=router, name="n" * 120, description="d" * 1_900)

    def all_of_them() -> dict[str, Any]:
        left = ("state", "version")
        return {
            slo.slug: {name: value for name, value in to_document(slo).items() if name not in left}
            for slo in Slo.objects.all()
        }

    before, path = all_of_them(), tmp_path / "ours.yaml"
    call_command("export_openslo", "--output", str(path))
    assert [fault for body in objects_of(Slo.objects.all()) for fault in faults_of(body)] == []
    code, _, notes = take_in(path, update=True)
    assert code == 0, notes
    after = all_of_them()
    long_name = "long-" + "x" * 70
    shortened = after.pop(label_of(long_name))  # OpenSLO's names are shorter than our slugs
    assert {**shortened, "slug": long_name} == after.pop(long_name) == before.pop(long_name)
    assert after == before


# What the published JSON schema (OpenSLO schemas/v1) asks of an SLO with an inline indicator, said in our own words.
NAME = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": r"^[a-z0-9][a-z0-9.|/\\-]*[a-z0-9]*$"}
METADATA = {
    "type": "object",
    "required": ["name"],
    "properties": {"name": NAME, "displayName": {"type": "string", "minLength": 1}},
}
DURATION = {"type": "string", "pattern": "^[1-9][0-9]*[mhdwMQY]$"}
CALENDAR = {
    "type": "object",
    "required": ["startTime", "timeZone"],
    "properties": {
        "startTime": {
            "type": "string",
            "pattern": r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01]) ([01]\d|2[0-3]):[0-5]\d:[0-5]\d$",
        },
        "timeZone": {"type": "string", "pattern": r"[A-Z][a-zA-Z_]+\/[A-Z][a-zA-Z_]+"},
    },
}
WINDOW = {
    "type": "object",
    "required": ["duration"],
    "properties": {"duration": DURATION, "calendar": CALENDAR},
    "if": {"not": {"properties": {"isRolling": {"const": True}}}},
    "then": {"required": ["calendar"]},
}
METRIC = {
    "type": "object",
    "required": ["metricSource"],
    "properties": {
        "metricSource": {"type": "object", "required": ["spec"], "properties": {"spec": {"type": "object"}}}
    },
}
RATIO = {
    "type": "object",
    "required": ["counter", "total"],
    "oneOf": [{"required": ["good"]}, {"required": ["bad"]}],
    "properties": {"counter": {"type": "boolean"}, "good": METRIC, "bad": METRIC, "total": METRIC},
}
INDICATOR = {
    "type": "object",
    "required": ["metadata", "spec"],
    "properties": {
        "metadata": METADATA,
        "spec": {
            "oneOf": [{"required": ["ratioMetric"]}, {"required": ["thresholdMetric"]}],
            "properties": {"ratioMetric": RATIO, "thresholdMetric": METRIC},
        },
    },
}
OBJECTIVE = {
    "type": "object",
    "required": ["target"],
    "properties": {
        "displayName": {"type": "string", "minLength": 1},
        "target": {"type": "number", "minimum": 0, "exclusiveMaximum": 1},
        "timeSliceTarget": {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
        "timeSliceWindow": DURATION,
    },
}
PUBLISHED = {
    "type": "object",
    "required": ["apiVersion", "kind", "metadata", "spec"],
    "properties": {
        "apiVersion": {"const": "openslo/v1"},
        "kind": {"const": "SLO"},
        "metadata": METADATA,
        "spec": {
            "type": "object",
            "required": ["service", "budgetingMethod", "objectives", "indicator"],
            "not": {"required": ["indicatorRef"]},
            "properties": {
                "description": {"type": "string", "maxLength": 1050},
                "service": NAME,
                "indicator": INDICATOR,
                "timeWindow": {"type": "array", "maxItems": 1, "items": WINDOW},
                "budgetingMethod": {"enum": ["Occurrences", "Timeslices"]},
                "objectives": {"type": "array", "items": OBJECTIVE},
            },
            "if": {"properties": {"budgetingMethod": {"const": "Timeslices"}}},
            "then": {"properties": {"objectives": {"items": {"required": ["timeSliceWindow", "timeSliceTarget"]}}}},
        },
    },
}


def test_every_starter_passes_the_published_schema_and_comes_back_in_its_own_zone(tmp_path: Path):
    for journey in JOURNEYS:
        make_automation(journey.slug)
        for document in documents(journey):
            create_slo(slug=document["slug"], definition=from_document(document), actor=SETUP, now=NOW)
    zones = {slo.slug: slo.timezone for slo in Slo.objects.all()}
    path = tmp_path / "starters.yaml"
    call_command("export_openslo", "--output", str(path))
    bodies = list(yaml.safe_load_all(path.read_text()))
    assert len(bodies) == len(zones)
    for body in bodies:
        jsonschema.validate(body, PUBLISHED)
    code, _, notes = take_in(path, update=True)
    assert (code, notes) == (0, "")
    assert {slo.slug: slo.timezone for slo in Slo.objects.all()} == zones


def test_utc_is_written_as_the_schema_spells_it_and_read_as_utc(web, tmp_path: Path):
    text = (FILES / "v1-ratio-calendar-timeslices.yaml").read_text()
    (tmp_path / "utc.yaml").write_text(text.replace("America/New_York", "UTC"))
    take_in(tmp_path / "utc.yaml")
    slo = Slo.objects.get()
    assert slo.timezone == "UTC"
    (out,) = give_out(tmp_path)
    assert out["spec"]["timeWindow"][0]["calendar"]["timeZone"] == "Etc/UTC"
    take_in(tmp_path / "out.yaml", update=True)
    slo.refresh_from_db()
    assert slo.timezone == "UTC"


def test_a_ratio_that_does_not_say_whether_it_counts_up_comes_out_saying_so(web, tmp_path: Path):
    """As in the examples that OpenSLO publishes, which its own schema refuses."""
    (body,) = yaml.safe_load_all((FILES / "v1-ratio-calendar-timeslices.yaml").read_text())
    del body["spec"]["indicator"]["spec"]["ratioMetric"]["counter"]
    (tmp_path / "published.yaml").write_text(yaml.safe_dump(body))
    path = "spec.indicator.spec.ratioMetric.counter"
    assert (
        f"{path}: is missing, and the schema asks for it; comes out as false."
        in take_in(tmp_path / "published.yaml")[2]
    )
    assert f"{path}: is missing" in [str(one) for one in faults_of(body)]
    (out,) = give_out(tmp_path)
    assert out["spec"]["indicator"]["spec"]["ratioMetric"]["counter"] is False
    jsonschema.validate(out, PUBLISHED)
    code, _, notes = take_in(tmp_path / "out.yaml", update=True)
    assert (code, path in notes) == (0, False)


def test_every_key_that_openslo_does_not_know_is_noted_and_kept(web, tmp_path: Path):
    text = (FILES / "v1-ratio-calendar-timeslices.yaml").read_text()
    (body,) = yaml.safe_load_all(text)
    body["spec"]["bogus"] = 1
    body["spec"]["objectives"][0]["targt"] = 0.5
    body["labels"] = {"team": "ops"}
    (tmp_path / "given.yaml").write_text(yaml.safe_dump(body))
    code, _, notes = take_in(tmp_path / "given.yaml")
    assert code == 0
    for path in ("spec.bogus", "spec.objectives[0].targt", "labels"):
        assert f"(web-availability), {path}: is no key of OpenSLO; kept, and not followed." in notes
    assert "is no key" not in take_in("v1-ratio-calendar-timeslices.yaml")[2]
    (out,) = give_out(tmp_path)
    assert out["spec"]["bogus"] == 1


@pytest.mark.parametrize("name", EVERY)
def test_nothing_that_openslo_knows_is_noted_as_unknown(web, name: str):
    assert "is no key" not in take_in(name)[2]


def test_a_service_that_is_no_automation_is_refused_unless_one_is_named_or_made():
    name = "v1-ratio-calendar-timeslices.yaml"
    code, _, notes = take_in(name)
    assert code == 2
    assert "spec.service: there is no automation “web”; not imported." in notes
    make_automation("shop")
    assert take_in(name, automation="shop", dry_run=True)[0] == 0
    assert Slo.objects.count() == 0
    code, _, notes = take_in(name, create_automations=True)
    assert code == 0
    assert Automation.objects.get(slug="web").state == "draft"
    assert "made the automation “web” as a draft" in notes


def test_an_slo_that_exists_is_left_alone_unless_asked(web):
    take_in("v1-ratio-calendar-timeslices.yaml")
    Slo.objects.update(target=Decimal(90))
    assert "left web-availability" in take_in("v1-ratio-calendar-timeslices.yaml")[1]
    assert Slo.objects.get().target == 90
    take_in("v1-ratio-calendar-timeslices.yaml", update=True)
    assert Slo.objects.get().target == Decimal("99.5")


HEAD = "apiVersion: openslo/v1\nkind: SLO\nmetadata: {name: a}\n"
SPEC = "service: web, indicatorRef: x, budgetingMethod: Occurrences"


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("", ""),
        ("just words", "is no OpenSLO object"),
        ("a: [", "is not YAML that can be read"),
        ("a: 1\na: 2", "the key 'a' stands twice"),
        ("apiVersion: openslo/v9\nkind: SLO", "is none of openslo/v1alpha"),
        ("apiVersion: openslo/v1\nkind: Cat", "kind: 'Cat' is none that is read here"),
        ("apiVersion: openslo/v1\nkind: SLO", "metadata.name: an object needs a name"),
        (f"{HEAD}spec: {{{SPEC}, objectives: [{{target: 1}}]}}", "objectives[0].target: 1 leaves no budget"),
        (f"{HEAD}spec: {{{SPEC}, objectives: [{{target: '0.9'}}]}}", "objectives[0].target: is missing"),
        (f"{HEAD}spec: {{{SPEC}, objectives: []}}", "spec.objectives: promises nothing"),
        (f"{HEAD}spec: {{{SPEC}, objectives: [{{target: 0.9}}]}}", "spec.timeWindow: is missing"),
        (f"{HEAD}spec: {{{SPEC}, objectives: [{{target: 0.9}}]}}", "no SLI “x” is in these files"),
        ("!!python/object/apply:os.system ['true']", "is not YAML that can be read"),
        ("a: &a [x]\nb: [" + "*a, " * 200 + "]", "too many aliases"),
        ("[" * 200, "is not YAML that can be read"),
    ],
)
def test_notes_say_where_what_and_what_was_done(web, tmp_path: Path, text: str, note: str):
    path = tmp_path / "given.yaml"
    path.write_text(text, encoding="utf-8")
    _, _, notes = take_in(path)
    assert note in notes


def test_a_missing_file_and_one_that_is_not_utf8_are_said(tmp_path: Path):
    (tmp_path / "latin.yaml").write_bytes(b"name: \xe9")
    code, _, notes = take_in(tmp_path / "missing.yaml", tmp_path / "latin.yaml")
    assert code == 2
    assert "missing.yaml, document 0: cannot be read" in notes
    assert "latin.yaml, document 0: is not UTF-8" in notes


values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 10**6) | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=6,
)
keys = st.sampled_from(
    ["service", "indicator", "indicatorRef", "timeWindow", "timeWindows", "objectives", "budgetingMethod", "sli", "x"]
)


@given(st.dictionaries(keys, values, max_size=6), st.sampled_from(["v1", "v1alpha", "v2alpha"]))
@hypothesis_settings(max_examples=60)
def test_whatever_stands_in_a_spec_is_read_or_refused(spec: dict[str, Any], version: str):
    from slos.exposition.openslo.taking import Around, take

    body = {"apiVersion": f"openslo/{version}", "kind": "SLO", "metadata": {"name": "a"}, "spec": spec}
    source = Source("any.yaml", 1, body, version)
    taken = take(source, Around({}, {"web"}, "web"))
    assert taken or any(note.refused for note in source.notes)
    assert isinstance(faults_of(body), list)


def calendar_in(zone: Any) -> list[dict[str, Any]]:
    calendar = {"startTime": "2024-01-01 00:00:00", "timeZone": zone}
    return [{"duration": "1w", "isRolling": False, "calendar": calendar}]


@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        ("apiVersion", "openslo/v2", "apiVersion: is one of openslo/v1"),
        ("metadata.name", "Not A Label", "metadata.name: is 1 to 63"),
        ("metadata.displayName", "x" * 64, "metadata.displayName: is text of 1 to 63"),
        ("spec.description", "x" * 1051, "spec.description: is text of 0 to 1050"),
        ("spec.budgetingMethod", "Sometimes", "spec.budgetingMethod: is one of"),
        ("spec.indicatorRef", "x", "spec: has one of indicator, indicatorRef"),
        ("spec.objectives", [], "spec.objectives: is a list of 1"),
        ("spec.objectives", [{"target": 1.0}], "spec.objectives[0].target: is a number from 0 to 1"),
        ("spec.objectives", [{"target": 0.9, "targetPercent": 90}], "spec.objectives[0]: has exactly one of"),
        ("spec.objectives", [{"target": 0.9}], "spec.objectives[0].timeSliceTarget: is missing, and Timeslices"),
        ("spec.timeWindow", [{"duration": "0d", "isRolling": True}], "spec.timeWindow[0].duration"),
        ("spec.timeWindow", [{"duration": "1w", "isRolling": False}], "spec.timeWindow[0]: is either rolling"),
        ("spec.indicator.spec", {}, "spec.indicator.spec: has exactly one of thresholdMetric, ratioMetric"),
        ("spec.timeWindow", calendar_in("UTC"), "spec.timeWindow[0].calendar.timeZone: is an IANA time zone of the"),
        ("spec.timeWindow", calendar_in([]), "spec.timeWindow[0].calendar.timeZone: is an IANA time zone of the"),
        ("spec.service", None, "spec.service: is text of 1"),
    ],
)
def test_the_strict_check_names_the_path(path: str, value: Any, fault: str):
    (body,) = objects_in("v1-ratio-calendar-timeslices.yaml")
    *parents, last = path.split(".")
    here = body
    for parent in parents:
        here = here[parent]
    here[last] = value
    assert any(str(one).startswith(fault) for one in faults_of(body)), [str(one) for one in faults_of(body)]


def test_what_the_specification_does_not_allow_is_not_written(web, tmp_path: Path, capsys):
    path = tmp_path / "lenient.yaml"
    path.write_text(f"{HEAD}spec: {{service: web, indicatorRef: Not_A_Label, objectives: [{{target: 0.9}}]}}")
    take_in(path)
    with pytest.raises(SystemExit) as ended:
        call_command("export_openslo", "--output", str(tmp_path / "out.yaml"))
    assert ended.value.code == 1
    assert "SLO a, spec.indicatorRef: is 1 to 63 lower-case letters" in capsys.readouterr().err
    assert list(yaml.safe_load_all((tmp_path / "out.yaml").read_text())) == []


def test_an_unknown_slug_and_none_at_all_end_with_two():
    for slugs in ([], ["missing"]):
        with pytest.raises(CommandError) as refused:
            call_command("export_openslo", *slugs)
        assert refused.value.returncode == 2
