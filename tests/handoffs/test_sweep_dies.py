"""A sweep killed at any point of its batch leaves nothing half behind (I12), and the next one does it all, once."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import environ
import pytest
from django.db import InterfaceError, OperationalError, connection

from handoffs.models import Fact, Handoff, StageFiring
from handoffs.sweep import sweep_handoffs
from opsportal.audit.models import Detail, Entry
from opsportal.notify.models import Delivery, Message, PublishedEvent
from tests.factories.handoffs import after, make_many
from tests.factories.notify import make_subscription
from tests.handoffs.dying_sweep import POINTS

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = Path(__file__).resolve().parents[2]
WRITTEN = (StageFiring, Fact, Entry, Detail, Message, PublishedEvent, Delivery)


def sweep_in_a_process(point: str) -> int:
    command = [sys.executable, "-m", "tests.handoffs.dying_sweep", point, after(61).isoformat()]
    done = subprocess.run(command, cwd=ROOT, env=_environment(), capture_output=True, timeout=120, check=False)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr.decode()
    return done.returncode


def _environment() -> dict[str, str]:
    """What a process of its own needs to work on this very test database."""
    name = connection.settings_dict["NAME"]
    if connection.vendor == "sqlite":
        url = f"sqlite:///{name}"
    else:
        configured = environ.Env().db("DATABASE_URL")["NAME"]
        before, _, rest = os.environ["DATABASE_URL"].rpartition(f"/{configured}")
        url = f"{before}/{name}{rest}"
    return {**os.environ, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "opsportal.settings"}


def counts() -> list[int]:
    return [model.objects.count() for model in WRITTEN]


def state() -> list[tuple[object, ...]]:
    fields = ("pk", "owner_id", "breached", "fired_percent", "next_fire_at", "held_by")
    return list(Handoff.objects.order_by("pk").values_list(*fields))


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has no server that could go away")
def test_a_database_that_goes_away_is_not_blamed_on_the_records(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Swept one by one for nothing, a thousand records would hold up all other timers."""
    make_many(40)

    def go_away(*_: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    with monkeypatch.context() as broken:
        broken.setattr("handoffs.sweep._write", go_away)
        with pytest.raises((OperationalError, InterfaceError)):
            sweep_handoffs(after(61))
    connection.close()
    assert "one by one" not in caplog.text
    assert sweep_handoffs(after(61)).fired == 80


@pytest.mark.parametrize("point", POINTS)
def test_nothing_is_left_half_wherever_the_sweep_dies(point: str) -> None:
    make_subscription("https://crm.example.org/hook")
    make_many(40)
    before = counts(), state()
    assert sweep_in_a_process(point) == -signal.SIGKILL
    assert (counts(), state()) == before

    assert sweep_handoffs(after(61)).fired == 80
    whole = counts()
    assert sweep_in_a_process("never") == 0
    assert counts() == whole
    assert StageFiring.objects.count() == 80
    assert Message.objects.count() == 120
    assert PublishedEvent.objects.exclude(type="handoff.created").count() == 160
