"""The watchdog: exit codes, and its own ways out to a real receiver."""

from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core import mail
from django.core.management import call_command
from django.db import OperationalError

from opsportal import clock
from opsportal.sweeps import operations, registry, watchdog
from opsportal.sweeps.models import Sweep
from opsportal.sweeps.registry import SweepResult
from tests.receivers import HttpReceiver, json_answer

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("empty_registry")]


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    return tmp_path / "var" / "paged-at"


def make_fresh() -> None:
    registry.register("handoffs", lambda now: SweepResult(), every=timedelta(seconds=10))
    operations.run_sweep("handoffs")


def make_stale() -> None:
    make_fresh()
    Sweep.objects.update(finished_at=clock.database_now() - timedelta(minutes=5))


def look(memory: Path, *arguments: str) -> tuple[int, str, str]:
    out, err = StringIO(), StringIO()
    with pytest.raises(SystemExit) as end:
        call_command("watchdog", "--memory", str(memory), *arguments, stdout=out, stderr=err)
    return int(end.value.code or 0), out.getvalue(), err.getvalue()


def test_fresh_is_0_and_pings_the_outside_switch(memory: Path, receiver: HttpReceiver, settings):
    settings.WATCHDOG_PING_URL = f"{receiver.url}ping/abc"
    make_fresh()
    assert look(memory)[0] == 0
    assert [request.path for request in receiver.requests] == ["/ping/abc"]


def test_stale_is_1_pages_and_leaves_the_switch_alone(memory: Path, slack: HttpReceiver, settings):
    settings.WATCHDOG_SLACK_USER = "U0ONCALL"
    settings.WATCHDOG_PING_URL = f"{slack.url}ping/abc"
    make_stale()
    code, out, _ = look(memory)
    assert code == 1
    assert "handoffs: 5 minutes ago (stale)" in out
    (request,) = slack.requests
    assert request.path == "/api/chat.postMessage"
    assert request.json()["channel"] == "U0ONCALL"
    assert "handoffs last ran 5 minutes ago" in request.json()["text"]


def test_every_channel_is_tried_when_one_fails(memory: Path, slack: HttpReceiver, receiver: HttpReceiver, settings):
    settings.WATCHDOG_SLACK_USER = "U0ONCALL"
    settings.WATCHDOG_SLACK_WEBHOOK = f"{receiver.url}hook"
    settings.WATCHDOG_MAIL = ["ops@example.org"]
    slack.always(json_answer({"ok": False, "error": "channel_not_found"}))
    make_stale()
    code, _, err = look(memory)
    assert code == 1
    assert "Slack message" in err
    assert len(receiver.requests) == 1
    assert mail.outbox[0].to == ["ops@example.org"]
    assert mail.outbox[0].subject.startswith("opsportal needs a person")


def test_it_does_not_page_each_minute_but_again_after_half_an_hour(memory: Path, receiver: HttpReceiver, settings):
    settings.WATCHDOG_SLACK_WEBHOOK = f"{receiver.url}hook"
    make_stale()
    verdict, now = watchdog.look(), clock.now()
    for minutes in (0, 1, 29, 30):
        watchdog.act(verdict, memory=memory, now=now + timedelta(minutes=minutes))
    assert len(receiver.requests) == 2


def test_it_tries_again_at_once_while_nobody_was_reached(memory: Path, receiver: HttpReceiver, settings):
    settings.WATCHDOG_SLACK_WEBHOOK = f"{receiver.url}hook"
    receiver.answer(500)
    make_stale()
    verdict, now = watchdog.look(), clock.now()
    assert watchdog.act(verdict, memory=memory, now=now) != []
    assert watchdog.act(verdict, memory=memory, now=now + timedelta(minutes=1)) == []
    assert len(receiver.requests) == 2


def test_it_tells_the_recovery_once(memory: Path, receiver: HttpReceiver, settings):
    settings.WATCHDOG_SLACK_WEBHOOK = f"{receiver.url}hook"
    make_stale()
    look(memory)
    operations.run_sweep("handoffs")
    look(memory)
    look(memory)
    texts = [request.json()["text"] for request in receiver.requests]
    assert len(texts) == 2
    assert texts[1] == "opsportal works again: every sweep is fresh."


def test_a_database_that_does_not_answer_is_2_and_pages(
    memory: Path, receiver: HttpReceiver, settings, monkeypatch: pytest.MonkeyPatch
):
    def away() -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(clock, "database_now", away)
    settings.WATCHDOG_SLACK_WEBHOOK = f"{receiver.url}hook"
    assert look(memory)[0] == 2
    assert "database does not answer" in receiver.requests[0].json()["text"]


def test_quiet_only_tells(memory: Path, receiver: HttpReceiver, settings):
    settings.WATCHDOG_SLACK_WEBHOOK = f"{receiver.url}hook"
    make_stale()
    assert look(memory, "--quiet")[0] == 1
    assert receiver.requests == []
