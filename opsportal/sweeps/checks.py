"""System checks: settings under which the worker would lose or double work, or be slow for no reason."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from opsportal.sweeps.tasks import TICK_TIMEOUT

BROKER = "opsportal.sweeps.broker.Broker"


@register()
def check_database(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    return messages_of(settings.DATABASES["default"])


def messages_of(database: dict[str, Any]) -> Sequence[CheckMessage]:
    """Connections that outlive a request and survive a restart of the server; no pool, which breaks under fork."""
    if database["ENGINE"] == "django.db.backends.sqlite3":
        return _check_sqlite(database)
    messages: list[CheckMessage] = []
    if database.get("CONN_MAX_AGE", 0) == 0:
        messages.append(Error("CONN_MAX_AGE is 0: every poll of the queue opens a connection.", id="sweeps.E001"))
    if not database.get("CONN_HEALTH_CHECKS"):
        messages.append(Error("CONN_HEALTH_CHECKS is off: a database restart would break workers.", id="sweeps.E002"))
    if database.get("OPTIONS", {}).get("pool"):
        messages.append(Error("The connection pool breaks under the worker's fork.", id="sweeps.E003"))
    return messages


def _check_sqlite(database: dict[str, Any]) -> list[CheckMessage]:
    if database.get("OPTIONS", {}).get("transaction_mode") == "IMMEDIATE":
        return []
    hint = "Set OPTIONS transaction_mode to IMMEDIATE."
    return [Warning("Concurrent SQLite transactions will fail as locked.", hint=hint, id="sweeps.W001")]


@register()
def check_queue(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """The values the worker was measured with; each guards against one way to hang, to lose or to do twice."""
    queue = settings.Q_CLUSTER
    rules = [
        (queue.get("workers", 0) >= 2, "workers must be 2 or more: the tick holds one, the beat needs another", "E010"),
        (queue.get("queue_limit") == queue.get("workers"), "queue_limit must equal workers", "E011"),
        (queue.get("bulk") == 1, "bulk must be 1: tasks are locked when fetched, not when started", "E012"),
        (queue.get("retry", 0) >= 2 * TICK_TIMEOUT.total_seconds(), "retry must be far above the timeouts", "E013"),
        (queue.get("catch_up") is False, "catch_up must be off: it replays every missed minute", "E014"),
        (queue.get("ack_failures") is True, "ack_failures must be on: a failing task would return for ever", "E015"),
        (queue.get("broker_class") == BROKER, f"broker_class must be {BROKER}", "E016"),
        (not queue.get("sync"), "sync must be off", "E017"),
    ]
    return [Error(f"Q_CLUSTER: {text}.", id=f"sweeps.{code}") for holds, text, code in rules if not holds]
