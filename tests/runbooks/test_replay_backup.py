"""A target in backup mode: the program asks, stores instead of sending, and all of it goes later in order."""

from typing import Any

import pytest

from opsportal import clock
from runbooks.models import ReplayItem
from runbooks.queue import dispatch, operations
from tests.factories.api import caller
from tests.factories.catalog import make_automation
from tests.factories.identity import SETUP, make_person
from tests.factories.replay import make_target, states
from tests.receivers import HttpReceiver

pytestmark = pytest.mark.django_db(transaction=True)


class Program:
    """An automation that sends by itself, unless its target asks for the backup queue."""

    def __init__(self, receiver: HttpReceiver) -> None:
        self.receiver, self.sent = receiver, 0
        self.portal = caller("replay:read", "replay:enqueue")

    def handle(self, **lead: Any) -> str:
        self.sent += 1
        if not self.portal.get("replay/targets/crm/").json()["backup_mode"]:
            return "sent"
        said = {"target": "crm", "external_id": f"run-{self.sent}", "record_key": lead["id"], "payload": lead}
        answer = self.portal.post("replay/items/", said)
        assert answer.status_code == 201, answer.content
        return "stored"


def test_what_came_meanwhile_is_held_and_goes_in_order_once_the_target_is_back(receiver: HttpReceiver) -> None:
    target = make_target(receiver.url, slug="crm", automation=make_automation("router"))
    program, lead = Program(receiver), caller("catalog:write", "replay:read")
    assert program.handle(id="a", stage="new") == "sent"
    switched = lead.post("replay/targets/crm/backup/", {"on": True, "reason": "the CRM is down"})
    assert switched.json()["backup_mode"] is True
    for stage in ("open", "won", "paid"):
        for record in ("a", "b"):
            assert program.handle(id=record, stage=stage) == "stored"
    dispatch.drain(clock.now(), seconds=2)
    assert (set(states(target).values()), receiver.requests) == ({"held"}, [])
    assert lead.post("replay/targets/crm/backup/", {"on": False}).json()["backup_mode"] is False
    assert program.handle(id="c", stage="new") == "sent"
    said = {"reason": "the CRM is back", "actor": SETUP, "person": make_person(), "now": clock.now()}
    operations.resend_items(list(ReplayItem.objects.select_related("target__automation", "automation")), **said)
    dispatch.drain(clock.now(), seconds=20)
    assert set(states(target).values()) == {"delivered"}
    for record in ("a", "b"):
        came = [request.json()["stage"] for request in receiver.requests if request.json()["id"] == record]
        assert came == ["open", "won", "paid"]
