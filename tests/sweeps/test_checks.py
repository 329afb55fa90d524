"""Settings under which the worker would lose, double or crawl are refused at start."""

import copy
from typing import Any

import pytest

from opsportal.sweeps import checks

POSTGRES = {"ENGINE": "django.db.backends.postgresql", "CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True, "OPTIONS": {}}


def ids(messages: Any) -> list[str]:
    return [message.id for message in messages]


def test_the_shipped_settings_pass():
    assert ids(checks.check_queue(None)) == []
    assert ids(checks.check_database(None)) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, []),
        ({"CONN_MAX_AGE": None}, []),
        ({"CONN_MAX_AGE": 0}, ["sweeps.E001"]),
        ({"CONN_HEALTH_CHECKS": False}, ["sweeps.E002"]),
        ({"OPTIONS": {"pool": True}}, ["sweeps.E003"]),
    ],
)
def test_postgresql_connections(change: dict[str, Any], expected: list[str]):
    assert ids(checks.messages_of(POSTGRES | change)) == expected


def test_sqlite_without_immediate_transactions_is_warned_of():
    assert ids(checks.messages_of({"ENGINE": "django.db.backends.sqlite3"})) == ["sweeps.W001"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"workers": 1, "queue_limit": 1}, "sweeps.E010"),
        ({"queue_limit": 50}, "sweeps.E011"),
        ({"bulk": 10}, "sweeps.E012"),
        ({"retry": 100}, "sweeps.E013"),
        ({"catch_up": True}, "sweeps.E014"),
        ({"ack_failures": False}, "sweeps.E015"),
        ({"broker_class": "django_q.brokers.orm.ORM"}, "sweeps.E016"),
        ({"sync": True}, "sweeps.E017"),
    ],
)
def test_queue_settings(settings, change: dict[str, Any], expected: str):
    settings.Q_CLUSTER = copy.copy(settings.Q_CLUSTER) | change
    assert ids(checks.check_queue(None)) == [expected]
