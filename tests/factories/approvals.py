"""Approvals for tests, of a kind that ops leads decide and that remembers what followed."""

import itertools
from typing import Any

from opsportal.approvals import operations, registry
from opsportal.approvals.models import Approval
from opsportal.audit.engine import Subject
from opsportal.identity.models import Person
from tests.factories.identity import NOW

KIND = "probe_launch"
CONTENT = {"payloads": 14, "target": "https://crm.example.org/hook", "items": ["a", "b"]}

_numbers = itertools.count(1)


def register_kind(**options: Any) -> None:
    registry.register(KIND, **{"label": "probe launch", **options})


def ask(requested_by: Person, **fields: Any) -> Approval:
    """Somebody asks to replay 14 payloads, which is guarded, unless said otherwise."""
    number = next(_numbers)
    if not registry.is_known(KIND):
        register_kind()
    defaults: dict[str, Any] = {
        "kind": KIND,
        "subject": Subject("probe", f"p-{number}", f"Probe {number}"),
        "title": f"Replay to the CRM {number}",
        "consequence": "Replay 14 payloads",
        "content": CONTENT,
        "risk": "guarded",
        "team": requested_by.team,
        "now": NOW,
        "reason": "The outage of this morning",
    }
    return operations.request_approval(requested_by=requested_by, **{**defaults, **fields})


def approve(approval: Approval, person: Person, **fields: Any) -> Approval:
    defaults: dict[str, Any] = {"now": NOW, "authenticated_at": NOW}
    return operations.approve(approval.pk, person=person, **{**defaults, **fields})
