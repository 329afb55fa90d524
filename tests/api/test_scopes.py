"""The scope that the document names for an operation is the one that lets a token in, and the only one."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any, NamedTuple

import pytest

from handoffs.models import BreachReason, CaseEvent
from opsportal.api import docs
from opsportal.audit.models import Entry
from opsportal.catalog.models import Automation
from opsportal.identity.actors import actor_for
from opsportal.identity.models import Person
from opsportal.identity.operations import add_absence
from opsportal.identity.roles import SCOPES
from opsportal.integrations.operations import create_integration
from opsportal.privacy.models import Erasure
from runbooks.executions.operations import start_execution
from runbooks.library.operations import report_step
from runbooks.library.queries import get_shown
from runbooks.models import Proposal
from runbooks.remediation.sweep import sweep_proposals
from runbooks.webhooks.operations import create_webhook
from slos.alarms.upkeep import sweep_upkeep
from slos.facts import News, raise_facts
from slos.models import Decision, Fact
from slos.objectives.operations import exclude
from slos.runs.operations import record_queue
from slos.states import FactKind
from tests.factories import api
from tests.factories.approvals import ask
from tests.factories.calendars import make_calendar
from tests.factories.catalog import make_automation, make_freeze, make_whole
from tests.factories.handoffs import make_handoff, make_rule, tell_event
from tests.factories.heartbeats import make_heartbeat
from tests.factories.identity import NOW, SETUP, make_person, make_team
from tests.factories.library import a_text, make_published
from tests.factories.notify import make_subscription
from tests.factories.objectives import make_slo
from tests.factories.plans import make_frozen
from tests.factories.policy import burn_days, published, sweep
from tests.factories.policy import make_slo as make_judged_slo
from tests.factories.replay import make_target, store
from tests.factories.runs import make_run

pytestmark = pytest.mark.django_db
# What a token asks for in vain: people do these, or change them.
PEOPLE_ONLY = {
    "/api/v1/automations/{slug}/tier/",
    "/api/v1/erasures/",
    "/api/v1/erasures/look/",
    "/api/v1/freezes/{id}/acknowledge/",
    "/api/v1/freezes/{id}/override/",
    "/api/v1/replay/items/{id}/discard/",
    "/api/v1/replay/items/{id}/end_hold/",
    "/api/v1/replay/items/{id}/hold/",
    "/api/v1/replay/items/{id}/mark_delivered/",
    "/api/v1/replay/items/{id}/supersede/",
    "/api/v1/replay/plans/{id}/approve/",
    "/api/v1/replay/targets/",
    "/api/v1/replay/targets/{slug}/",
    "/api/v1/replay/targets/{slug}/start/",
    "/api/v1/runbooks/proposals/{id}/decline/",
    "/api/v1/runbooks/proposals/{id}/start/",
    "/api/v1/runbooks/webhooks/",
    "/api/v1/runbooks/webhooks/{slug}/",
    "/api/v1/runbooks/{slug}/executions/{id}/steps/{key}/run/",
    "/api/v1/runbooks/{slug}/executions/{id}/steps/{key}/undo/",
    "/api/v1/runbooks/{slug}/restore/",
    "/api/v1/runbooks/{slug}/retire/",
    "/api/v1/runbooks/{slug}/revisions/{number}/publish/",
    "/api/v1/runbooks/{slug}/revisions/{number}/return/",
    "/api/v1/runbooks/{slug}/revisions/{number}/review/",
    "/api/v1/runbooks/{slug}/validations/",
    "/api/v1/slos/propose/",
}
# It compares what it is sent with the trail, and writes nothing.
READ_BY_POST = {"/api/v1/erasures/check/"}
LAST_DAY = date(2026, 7, 5)
METHODS = ("get", "post", "put", "patch", "delete")


class Operation(NamedTuple):
    method: str
    path: str
    scope: str
    media_type: str
    sample: Any


def operations() -> Iterator[Operation]:
    document = docs.document()
    for path, methods in document["paths"].items():
        for method in METHODS:
            if method in methods:
                said = methods[method]
                content: dict[str, Any] = said.get("requestBody", {}).get("content", {})
                media_type = next(iter(content), "application/json")
                example = docs.sample(document, content[media_type]["schema"] if content else {})
                yield Operation(method.upper(), path, said.get("x-scope", ""), media_type, example)


EVERY = sorted(operations(), key=lambda one: one.method == "DELETE")  # what is gone answers no more questions
RESOURCES = sorted({operation.path.split("/")[3] for operation in EVERY})


@pytest.fixture
def keys(settings: Any) -> dict[str, dict[str, Any]]:
    """{resource: {name in the path: the key of a record that is there}}"""
    settings.OUTBOUND_ALLOW = ["127.0.0.1:9"]
    sales, person = make_team("sales"), make_person("ada")
    rule = make_rule()
    tell_event("case-1", "created", NOW)
    absence = add_absence(person, from_at=NOW, until=NOW + timedelta(days=9999), actor=SETUP, now=NOW)
    make_automation("lead-router", owner=person, backup_owner=make_person("lee"), active=True)
    automation = make_whole("lead-router", now=NOW)
    slo = make_slo(automation=automation, state="draft")
    policy = published()
    sweep_upkeep(NOW)
    planned = {"from_at": NOW + timedelta(days=9000), "until": NOW + timedelta(days=9001), "reason": "Planned"}
    exclusion = exclude(slo=slo, author=person, actor=actor_for(person), now=NOW, **planned)
    judged = make_judged_slo()
    burn_days(judged, LAST_DAY, 3, 3, 3)
    sweep(LAST_DAY + timedelta(days=1))
    record_queue(automation, depth=4, oldest_age_seconds=60, now=NOW)
    return {
        "approvals": {"id": ask(make_person()).pk},
        "audit": {"id": Entry.objects.latest("id").pk},
        "automations": {
            "slug": automation.slug,
            "row": automation.credentials.latest("id").pk,
            "release": automation.releases.latest("id").pk,
            "switch": automation.switches.latest("id").slug,
        },
        "breach-reasons": {"slug": BreachReason.objects.create(slug="illness", label="Somebody was ill").slug},
        "calendars": {"slug": make_calendar().slug},
        "erasures": {"id": make_erasure(person).pk},
        "decisions": {"id": Decision.objects.latest("id").pk},
        "facts": {"id": Fact.objects.latest("id").pk},
        "freezes": {"id": make_freeze().pk},
        "heartbeats": {"slug": make_heartbeat().slug},
        "policies": {"slug": policy.slug},
        "runs": {"id": make_run(automation).pk},
        "slos": {"slug": slo.slug, "exclusion_id": exclusion.pk},
        "events": {"id": CaseEvent.objects.latest("id").pk},
        "handoff-rules": {"slug": rule.slug},
        "handoffs": {"id": make_handoff(rule).pk},
        "integrations": {"id": create_integration(kind="webhook", name="CRM", actor=SETUP, now=NOW)[0].pk},
        "replay": replay_keys(),
        "runbooks": runbook_keys(person, automation),
        "people": {"username": person.username, "absence_id": absence.pk},
        "teams": {"slug": sales.slug},
        "traces": {"trace_id": "0123456789abcdef"},
        "webhooks": {"id": make_subscription("http://127.0.0.1:9/")[0].pk},
    }


def make_erasure(person: Person) -> Erasure:
    return Erasure.objects.create(subjects=["0" * 64], reason="request 17", requested_by=person, requested_at=NOW)


def replay_keys() -> dict[str, Any]:
    target = make_target()
    item = store(target, "lead-1")[0]
    return {"slug": target.slug, "id": item.pk, "plan": make_frozen(target).pk}


def runbook_keys(person: Person, automation: Automation) -> dict[str, Any]:
    """A runbook that counts, gone through once, reported and proposed, and a webhook."""
    runbook = make_published(text=a_text(automation=automation.slug, on_facts="[heartbeat_down]"))
    who: dict[str, Any] = {"person": person, "actor": actor_for(person), "now": NOW}
    execution = start_execution(runbook, reason="Leads are late", **who)
    key = execution.steps.latest("pk").key
    report = report_step(get_shown(runbook), key=key, words="Its menu has another name.", **who)
    raise_facts([News("silent", FactKind.HEARTBEAT_DOWN, "Silent.", NOW, automation=automation)], now=NOW)
    sweep_proposals(NOW)
    webhook = create_webhook(slug="restart", values={"url": "http://127.0.0.1:9/"}, actor=SETUP, now=NOW)[0]
    return {
        "slug": runbook.slug,
        "number": 1,
        "id": execution.pk,
        "key": key,
        "report_id": report.pk,
        "proposal": Proposal.objects.get().pk,
        "webhook": webhook.slug,
    }


def ask_for(operation: Operation, keys: dict[str, dict[str, Any]], scopes: list[str]) -> Any:
    named = operation.path.replace("releases/{row}", "releases/{release}")  # both are called rows of an automation
    named = named.replace("replay/plans/{id}", "replay/plans/{plan}")
    named = named.replace("proposals/{id}", "proposals/{proposal}").replace("webhooks/{slug}", "webhooks/{webhook}")
    path = named.format(**keys.get(operation.path.split("/")[3], {}))
    body = api.encoded(operation.sample)
    return api.caller(*scopes).send(operation.method, path, body, Content_Type=operation.media_type)


def test_every_operation_names_a_scope_that_there_is() -> None:
    assert {operation.scope for operation in EVERY} <= set(SCOPES)
    writing = [one for one in EVERY if one.method != "GET" and one.path not in READ_BY_POST]
    assert not [one for one in writing if one.scope.endswith(":read")]


@pytest.mark.parametrize("resource", RESOURCES)
def test_the_scope_in_the_document_is_the_one_that_counts(keys: dict[str, dict[str, Any]], resource: str) -> None:
    for operation in (one for one in EVERY if one.path.split("/")[3] == resource):
        others = [scope for scope in SCOPES if scope not in (operation.scope, "admin")]
        refused = ask_for(operation, keys, others)
        assert refused.status_code == 403, f"{operation} without its scope: {refused.content!r}"
        assert refused.json()["code"] == "missing_scope", operation
        let_in = ask_for(operation, keys, [operation.scope])
        if operation.method != "GET" and operation.path in PEOPLE_ONLY:
            assert (let_in.status_code, let_in.json()["code"]) == (403, "needs_a_person"), operation
            continue
        assert let_in.status_code in (200, 201, 204, 404, 409, 422, 400), f"{operation} with it: {let_in.content!r}"
        if operation.path.count("{") and "trace" not in operation.path:
            assert let_in.status_code != 404, f"{operation} was asked of no record: {let_in.content!r}"
