"""Settings as they come out of an environment, each in a process of its own."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.architecture.layers import ROOT

SECRET = "".join(f"{letter}{digit}" for digit, letter in enumerate("kQzRwTpLmXvBnHcJdGfSyWaEuOi"))
PRODUCTION = {
    "OPSPORTAL_PRODUCTION": "1",
    "SECRET_KEY": SECRET,
    "OPSPORTAL_BASE_URL": "https://ops.example.com",
    "ALLOWED_HOSTS": "ops.example.com",
    "DATABASE_URL": "postgres://app:x@db.example.com/opsportal",
    "OPSPORTAL_VAULT_KEYS": "k1:" + "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=",
}
SHOW = "import json; from django.conf import settings; print(json.dumps({expression}, default=str))"


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    variables = kept | {"DJANGO_SETTINGS_MODULE": "opsportal.settings"} | environment
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, timeout=60, check=False)


def setting(expression: str, **environment: str) -> Any:
    done = run("-c", SHOW.format(expression=expression), **environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_connections_to_postgresql_are_kept_and_checked() -> None:
    database = setting("settings.DATABASES['default']", **PRODUCTION)
    assert database["CONN_HEALTH_CHECKS"] is True
    assert database["CONN_MAX_AGE"] is None or database["CONN_MAX_AGE"] >= 60
    assert "statement_timeout" in database["OPTIONS"]["options"]
    assert "pool" not in database["OPTIONS"]


def test_the_embedded_database_takes_its_write_lock_first() -> None:
    options = setting("settings.DATABASES['default']['OPTIONS']")
    assert options["transaction_mode"] == "IMMEDIATE"
    assert "journal_mode=WAL" in options["init_command"].replace(" ", "")


def test_the_queue_holds_no_more_than_its_workers_can_do() -> None:
    queue = setting("settings.Q_CLUSTER")
    assert queue["queue_limit"] == queue["workers"] >= 2
    assert queue["retry"] >= 2 * queue["timeout"]
    assert (queue["bulk"], queue["catch_up"], queue["max_attempts"]) == (1, False, 1)


def test_nothing_may_be_called_unless_it_is_named() -> None:
    assert setting("settings.OUTBOUND_ALLOW") == []


@pytest.mark.parametrize(
    "change",
    [{"DEBUG": "1"}, {"SECRET_KEY": "short"}, {"SECRET_KEY": "django-insecure-" + SECRET}, {"SECRET_KEY": ""}],
)
def test_production_refuses_to_start_unsafe(change: dict[str, str]) -> None:
    done = run("manage.py", "check", **PRODUCTION | change)
    assert done.returncode != 0
    assert "ImproperlyConfigured" in done.stderr


def test_djangos_own_deployment_check_finds_nothing() -> None:
    done = run("manage.py", "check", "--deploy", "--fail-level", "WARNING", **PRODUCTION)
    assert done.returncode == 0, done.stderr


def test_no_policy_allows_what_stands_in_the_page_itself() -> None:
    policy = setting("settings.CONTENT_SECURITY_POLICY['DIRECTIVES']")
    assert not [
        value for values in policy.values() for value in values if "unsafe" in value or value in {"*", "https:"}
    ]
    assert {"object-src", "base-uri", "frame-ancestors"} <= {
        name for name, value in policy.items() if value == ["'none'"]
    }
