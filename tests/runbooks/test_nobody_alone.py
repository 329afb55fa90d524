"""No token, page of the admin or step of a runbook starts a P0 replay without a second person (S63-S65)."""

from typing import Any

import pytest
from django.contrib import admin
from django.core.management import CommandError, call_command
from django.test import Client, RequestFactory

from opsportal.catalog.models import Automation
from opsportal.identity.actors import actor_for
from opsportal.identity.models import Person
from opsportal.identity.roles import SCOPES, Role
from runbooks.executions import operations as executions
from runbooks.executions import registry
from runbooks.models import ReplayItem, ReplayPlan, ReplayTarget
from tests.api.test_scopes import EVERY
from tests.factories.api import Caller, caller, encoded
from tests.factories.catalog import make_automation
from tests.factories.identity import NOW, make_person
from tests.factories.library import PARTS, a_text, make_published
from tests.factories.plans import fetched, make_frozen
from tests.factories.replay import make_target, store
from tests.receivers import HttpReceiver
from tests.runbooks.test_executions import action
from tests.runbooks.test_plans_api import post, send, signed_in

pytestmark = pytest.mark.django_db(transaction=True)
MANY = 3


@pytest.fixture
def lead() -> Person:
    return make_person("lead", roles=[Role.OPS_LEAD])


@pytest.fixture
def critical(lead: Person) -> Automation:
    return make_automation("router", tier="P0", owner=lead, active=True)


@pytest.fixture
def target(receiver: HttpReceiver, critical: Automation) -> ReplayTarget:
    return make_target(receiver.url, slug="crm", automation=critical)


@pytest.fixture
def items(target: ReplayTarget) -> list[ReplayItem]:
    return store(target, *[f"lead-{number}" for number in range(MANY)])


@pytest.fixture
def plan(target: ReplayTarget, items: list[ReplayItem], lead: Person) -> ReplayPlan:
    return make_frozen(target, lead)


REASON = {"reason": "The CRM is back"}


@pytest.fixture(params=["of a lead", "of nobody"])
def program(request: pytest.FixtureRequest, lead: Person) -> Caller:
    """A token that may do all there is: all that the lead who asks may, or everything, answered for by nobody."""
    own = [scope for scope in SCOPES if lead.allows(scope)]
    return caller(*own, person=lead) if request.param == "of a lead" else caller("admin")


def test_no_token_sends_it_by_any_way(
    receiver: HttpReceiver, plan: ReplayPlan, items: list[ReplayItem], program: Caller
) -> None:
    a_plan, item = f"replay/plans/{plan.pk}/", items[0].pk
    tries: list[tuple[str, str, Any]] = [
        ("PATCH", "automations/router/", {"tier": "P2"}),
        ("PATCH", "replay/targets/crm/", {"automation": None}),
        ("POST", f"replay/items/{item}/resend/", REASON),
        ("POST", "replay/items/resend/", {"items": [str(item)], **REASON}),
        ("POST", f"{a_plan}start/", {}),
        ("POST", f"{a_plan}approve/", {}),
        ("POST", f"{a_plan}resume/", REASON),
        ("PATCH", a_plan, {"selection": {}}),
        ("POST", f"{a_plan}dry-run/", {}),
        ("POST", f"{a_plan}start/", {}),
    ]
    for method, path, body in tries * 2:
        answer = program.send(method, path, encoded(body))
        assert answer.status_code < 500, (path, answer.content)
        send()
    assert receiver.requests == []
    assert set(ReplayItem.objects.values_list("attempts", flat=True)) == {0}


def test_no_writing_address_there_is_sends_it(
    receiver: HttpReceiver, plan: ReplayPlan, items: list[ReplayItem], program: Caller
) -> None:
    """Each address of the replay queue and of runbooks that changes something, with its sample of a body."""
    keys = {"items": str(items[0].pk), "plans": str(plan.pk), "targets": "crm"}
    writing = [one for one in EVERY if one.method != "GET" and one.path.split("/")[3] in ("replay", "runbooks")]
    assert len(writing) > 30
    for operation in writing:
        kind = operation.path.split("/")[4]
        named = {"id": keys.get(kind, "0"), "slug": "crm", "key": "x", "number": 1, "report_id": 1}
        program.send(operation.method, operation.path.format(**named), encoded(operation.sample))
        send()
    assert receiver.requests == []


def test_a_person_alone_sends_it_neither_by_page_nor_by_command(
    receiver: HttpReceiver, plan: ReplayPlan, lead: Person
) -> None:
    alone = signed_in(lead)
    for name in ("start", "approve", "start", "resume"):
        post(alone, f"replay/plans/{plan.pk}/{name}/", REASON if name == "resume" else {})
        send()
    approval = fetched(plan).approval
    assert approval is not None
    alone.post(f"/approvals/{approval.pk}/", {"decision": "approve", "password": "correct horse battery"})
    for name in ("start", "resume"):
        alone.post(f"/replay/plans/{plan.pk}/{name}/", REASON)
    with pytest.raises(CommandError):
        call_command("replay", "start", str(plan.pk), "--as", lead.username)
    send()
    assert fetched(plan).state == "awaiting_approval"
    assert receiver.requests == []


def test_the_admin_changes_nothing_of_it_whoever_looks(plan: ReplayPlan) -> None:
    root = Person.objects.create_superuser("root", "root@example.org", "correct horse battery")
    request = RequestFactory().get("/admin/")
    request.user = root
    rooms = {"runbooks", "approvals", "sweeps"}
    pages = [page for model, page in admin.site._registry.items() if model._meta.app_label in rooms]
    assert len(pages) > 15
    for page in pages:
        allowed = (page.has_add_permission(request), page.has_change_permission(request))
        assert (*allowed, page.has_delete_permission(request)) == (False, False, False), page
        assert not page.get_actions(request), page
    assert not [model for model in admin.site._registry if model._meta.app_label == "django_q"]
    client = Client()
    client.force_login(root)
    client.post(f"/admin/runbooks/replayplan/{plan.pk}/change/", {"state": "running"})
    assert fetched(plan).state == "dry_run"


def test_no_kind_of_step_sends_it(receiver: HttpReceiver, items: list[ReplayItem], lead: Person) -> None:
    """Every action of the list that takes a replay target; others have no way to name one."""
    kinds = [one for one in registry.all_kinds() if "target" in {each.name for each in one.parameters}]
    assert {one.name for one in kinds} == {"backup-on", "backup-off", "plan-replay"}
    steps = "\n".join(action(f"Do {one.name}.", do=one.name, target="crm") for one in kinds)
    runbook = make_published(text=a_text(parts=PARTS | {"Remediation": steps}))
    who: dict[str, Any] = {"person": lead, "actor": actor_for(lead), "now": NOW}
    execution = executions.start_execution(runbook, reason="The CRM is back", **who)
    for step in execution.steps.exclude(action=None):
        step.execution = execution
        executions.run_step(step, reason="The CRM is back", confirmed=True, **who)
        send()
    assert ReplayPlan.objects.get().state == "dry_run"
    assert receiver.requests == []
