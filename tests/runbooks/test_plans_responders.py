"""Who is on shift for an automation decides about replays of it that others ask for, unless it is a P0."""

from typing import Any

import pytest

from opsportal.catalog import registry as catalog
from opsportal.catalog.models import Automation
from opsportal.errors import Forbidden
from opsportal.identity.models import Person
from runbooks.plans import operations
from tests.factories.catalog import make_automation
from tests.factories.identity import NOW, SETUP, make_person
from tests.factories.plans import approve, fetched, make_frozen, start
from tests.factories.replay import make_target, store
from tests.receivers import HttpReceiver

pytestmark = pytest.mark.django_db(transaction=True)


def test_who_is_on_shift_approves_what_others_ask_for_where_no_p0_is_concerned(receiver: HttpReceiver) -> None:
    automation = make_automation("router", tier="P1")
    target = make_target(receiver.url, automation=automation)
    asker, responder, teammate = make_person(), make_person(), make_person()
    on_shift = {responder.pk}

    def is_responder(asked: Automation, person: Person, now: Any) -> bool:
        return asked == automation and person.pk in on_shift

    catalog.register_responders(is_responder)
    try:
        store(target, *["a"] * 101)
        plan = start(make_frozen(target, asker))
        with pytest.raises(Forbidden):
            approve(plan, teammate)
        with pytest.raises(Forbidden):
            approve(plan, asker)
        approve(plan, responder)
        assert start(fetched(plan)).state == "running"
        Automation.objects.filter(pk=automation.pk).update(tier="P0")
        operations.cancel_plan(fetched(plan), reason="enough", actor=SETUP, now=NOW)
        plan = start(make_frozen(target, asker))
        with pytest.raises(Forbidden):
            approve(plan, responder)
    finally:
        catalog._responders.remove(is_responder)
