"""Events as they come from outside: the declared shape, and signed webhooks read through a mapping."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from handoffs.intake import read_event, receive_webhook
from handoffs.models import CaseEvent, Handoff
from opsportal.errors import InvalidInput
from opsportal.integrations.models import Integration
from tests.factories.handoffs import START, after, make_rule

LINE = {"case_id": "case-1", "event_name": "lead", "timestamp": "2026-11-03T10:00:00+01:00"}


def test_a_line_of_the_contract_is_read() -> None:
    new = read_event(
        {**LINE, "actor": {"kind": "human", "id": "kim"}, "amount": "12.345", "attributes": {"a": 1}, "event_id": "e1"}
    )
    assert (new.occurred_at, new.actor_kind, new.amount) == (START, "human", Decimal("12.34"))
    assert read_event(LINE).actor_kind == "unknown"
    assert read_event({**LINE, "amount": 1200}).amount == 1200


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"case_id": ""}, "case_id"),
        ({"case_id": 7}, "case_id"),
        ({"event_name": "x" * 201}, "event_name"),
        ({"timestamp": "yesterday"}, "timestamp"),
        ({"timestamp": "2026-11-03T10:00:00"}, "timestamp"),
        ({"actor": {"kind": "robot"}}, "actor.kind"),
        ({"actor": "kim"}, "actor"),
        ({"amount": "1e400"}, "amount"),
        ({"amount": "NaN"}, "amount"),
        ({"attributes": []}, "attributes"),
        ({"trace_id": "not one"}, "trace_id"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_line_of_another_shape_is_refused_at_its_field(change: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as error:
        read_event({**LINE, **change})
    assert error.value.field == field


@pytest.mark.parametrize("raw", [None, 7, "x", [], [LINE]])
def test_what_is_no_object_is_refused(raw: Any) -> None:
    with pytest.raises(InvalidInput):
        read_event(raw)


def sender(**mapping: str) -> Integration:
    return Integration(name="CRM", kind="webhook", source="crm", mapping=mapping)


@pytest.mark.django_db
def test_a_signed_message_is_an_event_of_a_case() -> None:
    make_rule(start_on={"event_name": "lead.created"})
    payload = {
        "type": "lead.created",
        "timestamp": "2026-11-03T09:00:00Z",
        "data": {"id": 4711, "icp": "smb", "deep": {}},
    }
    answer = receive_webhook(sender(), payload, after(1))
    event, lead = CaseEvent.objects.get(), Handoff.objects.get()
    assert answer == {"status": "created", "id": str(event.pk)}
    assert (event.case_id, event.source, event.attributes) == ("4711", "crm", {"id": 4711, "icp": "smb"})
    assert (lead.external_ref, lead.started_at, lead.icp) == ("4711", START, "smb")


@pytest.mark.django_db
def test_a_mapping_says_where_the_parts_stand() -> None:
    crm = sender(
        case_id="lead.keys.0", event_name="what", timestamp="at", event_id="n", actor_id="by.id", actor_kind="by.kind",
        **{"attributes.owner": "lead.owner"},
    )  # fmt: skip
    payload = {
        "what": "lead.answered", "at": "2026-11-03T09:00:00Z", "n": 8, "by": {"id": 5, "kind": "human"},
        "lead": {"keys": ["L1"], "owner": "ana"},
    }  # fmt: skip
    receive_webhook(crm, payload, after(1))
    event = CaseEvent.objects.get()
    assert (event.case_id, event.event_id, event.actor_kind, event.actor_id) == ("L1", "8", "human", "5")
    assert event.attributes == {"owner": "ana"}
    assert event.occurred_at == datetime(2026, 11, 3, 9, tzinfo=UTC)
    assert receive_webhook(crm, payload, after(2))["status"] == "duplicate"


@pytest.mark.django_db
@pytest.mark.parametrize("payload", [{}, [], None, {"type": "x", "timestamp": "2026-11-03T09:00:00Z", "data": []}])
def test_a_message_without_a_case_is_refused(payload: Any) -> None:
    with pytest.raises(InvalidInput):
        receive_webhook(sender(), payload, after(1))
    assert not CaseEvent.objects.exists()
