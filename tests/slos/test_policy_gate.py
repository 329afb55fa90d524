"""One answer everywhere: page, API, command and admin say the same of a change, with the sentence why."""

import json
import re
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client

from opsportal import clock
from opsportal.catalog import queries as catalog
from opsportal.catalog.models import Automation, ExperimentPermission, Freeze, FreezeOverride
from opsportal.errors import Conflict, Forbidden, InvalidInput
from opsportal.identity.roles import Role
from slos.policy import overrides
from tests.factories import approvals
from tests.factories import policy as make
from tests.factories.api import caller
from tests.factories.catalog import make_automation, make_freeze
from tests.factories.identity import make_person, make_team

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
ROOT = Path(__file__).resolve().parents[2]
CHANGES = ("feature", "fix", "security", "experiment")
# An instant in a sentence. A page tells it in its reader's zone.
INSTANT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC")


@pytest.fixture
def automation() -> Automation:
    return make_automation("lead-router", team=make_team("revops"), owner=make_person("kim"))


def frozen_now(automation: Automation) -> Freeze:
    return make_freeze(scope="team", team=automation.team, now=clock.now() - DAY, days=9)


def command(*arguments: str) -> tuple[int, str]:
    """What a pipeline would see, without starting a process."""
    from io import StringIO

    out = StringIO()
    try:
        call_command("gate", *arguments, stdout=out)
    except SystemExit as end:
        return int(str(end.code)), out.getvalue()
    except CommandError as error:
        return error.returncode, str(error)
    return 0, out.getvalue()


@pytest.mark.parametrize("state", ["free", "frozen", "set aside", "permitted", "permitted and frozen"])
def test_page_api_command_and_query_answer_alike(automation: Automation, state: str):
    now = clock.now()
    if "frozen" in state:
        frozen_now(automation)
    if state == "set aside":
        FreezeOverride.objects.create(
            freeze=frozen_now(automation),
            from_at=now - DAY,
            until=now + DAY,
            reason="A fair",
            requested_by=make_person(),
            approved_by=make_person(),
            approval="a",
        )
    if "permitted" in state:
        ExperimentPermission.objects.create(automation=automation, from_at=now - DAY, reason="six weeks")
    client, api = Client(), caller("catalog:read")
    client.force_login(make_person(roles=[Role.OPS_LEAD]), backend="opsportal.identity.backends.PersonBackend")
    for change in CHANGES:
        verdict = catalog.gate(automation, change=change, at=clock.now())
        answer = api.get(f"automations/lead-router/gate/?change={change}").json()
        code, text = command("lead-router", "--change", change, "--json")
        assert (answer["allowed"], answer["reason"]) == (verdict.allowed, verdict.reason)
        assert json.loads(text) == answer
        assert code == (0 if verdict.allowed else 1)
    shown = client.get("/automations/lead-router/").content.decode()
    reason = catalog.gate(automation, change="feature", at=clock.now()).reason
    assert all(part in shown for part in INSTANT.split(reason)), "the same words; instants in the reader's zone"
    allowed = {change: catalog.gate(automation, change=change, at=clock.now()).allowed for change in CHANGES}
    assert allowed == {
        "feature": "frozen" not in state,
        "fix": True,
        "security": True,
        "experiment": state == "permitted",
    }


def test_the_admin_holds_back_what_the_gate_does(automation: Automation):
    frozen_now(automation)
    client = Client()
    admin = make_person("root", roles=[Role.ADMIN, Role.OPS_LEAD])
    client.force_login(admin, backend="opsportal.identity.backends.PersonBackend")
    url = f"/admin/catalog/automation/{automation.pk}/change/"
    form = client.get(url).context["adminform"].form
    values = {name: form.initial.get(name) for name in form.fields}
    sent = {name: json.dumps(value) if isinstance(value, list | dict) else value for name, value in values.items()}
    sent = {name: value for name, value in sent.items() if value is not None}
    response = client.post(url, {**sent, "platform": "zapier"})
    reason = catalog.gate(automation, change="feature", at=clock.now()).reason
    assert response.status_code == 200
    assert reason in [str(each) for errors in response.context["adminform"].form.errors.values() for each in errors]


def test_a_pipeline_reads_the_exit_code(automation: Automation):
    assert command("lead-router")[0] == 0
    frozen_now(automation)
    code, text = command("lead-router")
    assert code == 1
    assert text.startswith("held back: Changes to the automations of Revops are frozen until")
    assert command("lead-router", "--change", "fix")[0] == 0
    assert command("lead-router", "--at", "2026-01-01T00:00Z")[0] == 0


def test_over_http_the_gate_answers_as_of_an_instant_too(automation: Automation):
    frozen_now(automation)
    api = caller("catalog:read")
    assert not api.get("automations/lead-router/gate/").json()["allowed"]
    assert api.get("automations/lead-router/gate/?at=2026-01-01T00:00Z").json()["allowed"]
    assert api.get("automations/lead-router/gate/?at=soon").status_code == 400


@pytest.mark.parametrize(
    "arguments", [["nobody"], ["lead-router", "--change", "hotfix"], ["lead-router", "--at", "soon"], ["a", "--at", ""]]
)
def test_what_cannot_be_told_is_exit_two(automation: Automation, arguments: list[str]):
    assert command(*arguments)[0] == 2


def test_a_database_that_is_away_is_exit_two(tmp_path: Path):
    result = subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), "gate", "lead-router"],
        env={"DATABASE_URL": f"sqlite:///{tmp_path}/empty.db", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=120,
    )
    assert result.returncode == 2, result.stderr


# --- the way out by two people ---


@pytest.fixture
def frozen(automation: Automation) -> Freeze:
    return make_freeze(scope="team", team=automation.team, now=make.BEGIN, days=30)


NOW = make.BEGIN + DAY
UNTIL = NOW + 2 * DAY


def lead(name: str, **fields):
    return make_person(name, roles=[Role.OPS_LEAD], **fields)


def allowed(automation: Automation, at) -> bool:
    return catalog.gate(automation, change="feature", at=at).allowed


def test_two_people_set_a_freeze_aside_until_an_end(automation: Automation, frozen: Freeze):
    kim, lee = automation.owner, lead("lee")
    asked = overrides.request_override(frozen, until=UNTIL, reason="The fair", requested_by=kim, now=NOW)
    assert not allowed(automation, NOW)
    approvals.approve(asked, lee, now=NOW, authenticated_at=NOW)
    override = FreezeOverride.objects.get()
    assert (override.requested_by, override.approved_by, override.reason) == (kim, lee, "The fair")
    assert allowed(automation, NOW)
    assert allowed(automation, UNTIL - timedelta(seconds=1))
    assert not allowed(automation, UNTIL)  # the freeze is back
    asked.refresh_from_db()
    assert asked.state == "used"


def test_who_approves_reads_what_it_frees_and_what_else_holds_on(automation: Automation, frozen: Freeze):
    sibling = make_automation(team=automation.team)
    asked = overrides.request_override(frozen, until=UNTIL, reason="The fair", requested_by=automation.owner, now=NOW)
    assert overrides.look(asked, NOW).sentence.startswith("2 automations may be changed again until then.")
    alone = make_freeze(scope="automation", automation=automation, now=make.BEGIN, days=9)
    told = overrides.look(asked, NOW).sentence
    assert told.startswith("1 automation may be changed again until then.")
    assert f"Freeze {alone.pk} of Lead router still holds 1 automation back until" in told
    everything = make_freeze(now=make.BEGIN, days=9)
    told = overrides.look(asked, NOW).sentence
    assert told.startswith("No automation may be changed again until then.")
    assert f"Freeze {everything.pk} of all automations still holds 2 automations back until" in told
    approvals.approve(asked, lead("lee"), now=NOW, authenticated_at=NOW)
    assert not allowed(sibling, NOW)


def test_one_request_sets_several_freezes_of_the_same_aside(automation: Automation, frozen: Freeze):
    own = make_freeze(scope="automation", automation=automation, now=make.BEGIN, days=2)
    make_automation(team=automation.team)
    asked = overrides.request_override(
        frozen, until=UNTIL, reason="The fair", requested_by=automation.owner, now=NOW, also=[own]
    )
    assert overrides.look(asked, NOW).sentence.startswith("2 automations may be changed again until then.")
    assert "still holds" not in overrides.look(asked, NOW).sentence
    approvals.approve(asked, lead("lee"), now=NOW, authenticated_at=NOW)
    assert allowed(automation, NOW)
    ends = {one.freeze_id: one.until for one in FreezeOverride.objects.all()}
    assert ends == {frozen.pk: UNTIL, own.pk: own.until}  # each until its own end at the latest


def test_of_several_that_were_asked_about_those_that_stand_are_set_aside(automation: Automation, frozen: Freeze):
    own = make_freeze(scope="automation", automation=automation, now=make.BEGIN, days=9)
    asked = overrides.request_override(
        frozen, until=UNTIL, reason="The fair", requested_by=automation.owner, now=NOW, also=[own]
    )
    Freeze.objects.filter(pk=frozen.pk).update(lifted_at=NOW)
    assert "1 freeze of those asked about ended meanwhile." in overrides.look(asked, NOW).sentence
    approvals.approve(asked, lead("lee"), now=NOW, authenticated_at=NOW)
    assert [one.freeze_id for one in FreezeOverride.objects.all()] == [own.pk]


def test_what_holds_nothing_of_the_same_back_is_asked_about_by_itself(automation: Automation, frozen: Freeze):
    lee, other = lead("lee"), make_automation(team=make_team("support"))
    elsewhere = make_freeze(scope="automation", automation=other, now=make.BEGIN, days=9)
    with pytest.raises(InvalidInput, match="same automations"):
        overrides.request_override(frozen, until=UNTIL, reason="x", requested_by=lee, now=NOW, also=[elsewhere])


def test_an_owner_asks_about_none_that_holds_only_others_back(automation: Automation, frozen: Freeze):
    sibling = make_automation(team=automation.team)
    its_own = make_freeze(scope="automation", automation=sibling, now=make.BEGIN, days=9)
    with pytest.raises(Forbidden):
        overrides.request_override(
            frozen, until=UNTIL, reason="x", requested_by=automation.owner, now=NOW, also=[its_own]
        )


def test_who_asked_never_approves(automation: Automation, frozen: Freeze):
    lee = lead("lee")
    asked = overrides.request_override(frozen, until=UNTIL, reason="The fair", requested_by=lee, now=NOW)
    with pytest.raises(Exception, match="you asked for it yourself"):
        approvals.approve(asked, lee, now=NOW, authenticated_at=NOW)
    assert not FreezeOverride.objects.exists()


def test_the_approver_enters_the_password_again(automation: Automation, frozen: Freeze):
    asked = overrides.request_override(frozen, until=UNTIL, reason="x", requested_by=automation.owner, now=NOW)
    with pytest.raises(Exception, match="password again"):
        approvals.approve(asked, lead("lee"), now=NOW, authenticated_at=NOW - timedelta(hours=1))


@pytest.mark.parametrize("who", [Role.ANALYST, Role.VIEWER, Role.ADMIN])
def test_only_ops_leads_approve(automation: Automation, frozen: Freeze, who: Role):
    asked = overrides.request_override(frozen, until=UNTIL, reason="x", requested_by=automation.owner, now=NOW)
    other = make_person("other", roles=[who], team=automation.team)
    with pytest.raises(Exception, match="not decide it"):
        approvals.approve(asked, other, now=NOW, authenticated_at=NOW)


def test_the_request_expires_after_four_hours(automation: Automation, frozen: Freeze):
    asked = overrides.request_override(frozen, until=UNTIL, reason="x", requested_by=automation.owner, now=NOW)
    assert asked.expires_at == NOW + timedelta(hours=4)
    with pytest.raises(Conflict):
        approvals.approve(asked, lead("lee"), now=NOW + timedelta(hours=4), authenticated_at=NOW + timedelta(hours=4))


def test_a_request_about_a_freeze_that_ended_is_voided(automation: Automation, frozen: Freeze):
    asked = overrides.request_override(frozen, until=UNTIL, reason="x", requested_by=automation.owner, now=NOW)
    Freeze.objects.update(lifted_at=NOW)
    decided = approvals.approve(asked, lead("lee"), now=NOW, authenticated_at=NOW)
    assert decided.state == "voided"
    assert not FreezeOverride.objects.exists()


@pytest.mark.parametrize(
    ("until", "reason", "told"),
    [
        (NOW, "x", "ends in the future"),
        (make.BEGIN + 31 * DAY, "x", "not after the freeze"),
        (UNTIL, " ", "Say why"),
        (UNTIL, "x" * 241, "Say why"),
    ],
)
def test_an_override_needs_a_reason_and_an_end(automation: Automation, frozen: Freeze, until, reason: str, told: str):
    with pytest.raises(Exception, match=told):
        overrides.request_override(frozen, until=until, reason=reason, requested_by=automation.owner, now=NOW)


def test_who_may_ask(automation: Automation, frozen: Freeze):
    teammate = make_person("teammate", team=automation.team)
    leader = make_person("leader", roles=[Role.VIEWER])
    outsider = make_person("outsider", team=make_team("support"))
    may = {
        person.username: overrides.may_ask(person, frozen) for person in (automation.owner, teammate, leader, outsider)
    }
    assert may == {"kim": True, "teammate": False, "leader": False, "outsider": False}
    assert overrides.may_ask(lead("lee"), frozen)


def test_while_it_is_set_aside_the_policy_begins_no_other(automation: Automation):
    slo = make.make_slo(automation)
    sunday = date(2026, 11, 1)
    make.burn_days(slo, sunday + 3 * DAY, 3, 3, 3, 3, 3, 3)
    make.published()
    make.sweep(sunday + DAY)
    freeze, now = Freeze.objects.get(), make.morning(sunday + DAY)
    asked = overrides.request_override(
        freeze, until=now + 2 * DAY, reason="The fair", requested_by=automation.owner, now=now
    )
    approvals.approve(asked, lead("lee"), now=now, authenticated_at=now)
    make.sweep_daily(sunday + 2 * DAY, sunday + 4 * DAY)
    assert Freeze.objects.count() == 1
    assert allowed(automation, now + DAY)
    assert not allowed(automation, now + 2 * DAY)


# --- leadership's commitment ---


def test_leadership_commits_to_a_freeze_once(automation: Automation, frozen: Freeze):
    leader = make_person("leader", roles=[Role.VIEWER])
    overrides.acknowledge_freeze(frozen, person=leader, commitment="Nothing new before routing is stable.", now=NOW)
    frozen.refresh_from_db()
    assert (frozen.acknowledged_by, frozen.acknowledged_at) == (leader, NOW)
    with pytest.raises(Conflict, match="Leader has committed"):
        overrides.acknowledge_freeze(frozen, person=leader, commitment="Again", now=NOW)


def test_nobody_else_commits(automation: Automation, frozen: Freeze):
    with pytest.raises(Exception, match="Leadership"):
        overrides.acknowledge_freeze(frozen, person=lead("lee"), commitment="x", now=NOW)
