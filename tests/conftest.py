"""How the suite runs: `pytest --db sqlite|postgres`, a database of its own for every worker of pytest-xdist.

DJANGO_SETTINGS_MODULE is set here and not in pyproject.toml: pytest-django would load the settings before the option
`--db` is known, and the database must stand before the settings are read.
"""

import atexit
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import django
import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from tests.databases import CHOICES, TestDatabase, flush_to_migrated_state, name_test_file
from tests.postgres import PostgresMissing, extra_postgres_database

pytest_plugins = ["tests.receivers", "tests.browser"]

ROOT = Path(__file__).resolve().parents[1]
IS_WORKER = "PYTEST_XDIST_WORKER" in os.environ
DATABASE: TestDatabase | None = None


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    parser.addoption("--db", choices=CHOICES, default="sqlite", help="database the tests run on (default: sqlite)")
    if not IS_WORKER:
        given = pluginmanager.getplugin("pytestconfig").invocation_params.args
        _start_database(parser.parse_known_args([str(argument) for argument in given]).db)
    elif os.environ["DATABASE_URL"].startswith("postgres") and "TEST_DATABASE_URL" not in os.environ:
        # A cluster each: a transaction left open anywhere in a cluster holds back what may be sealed in it.
        _start_database("postgres")
    os.environ["DJANGO_SETTINGS_MODULE"] = "opsportal.settings"
    django.setup()


def pytest_xdist_setupnodes() -> None:
    """Before the workers start: with this name at hand they would read the settings before they have a database."""
    del os.environ["DJANGO_SETTINGS_MODULE"]


def _start_database(kind: str) -> None:
    global DATABASE
    DATABASE = TestDatabase(kind)
    atexit.register(DATABASE.stop)  # where the run ends before it is configured
    try:
        DATABASE.start()
    except PostgresMissing as missing:
        DATABASE.stop()
        raise pytest.UsageError(str(missing)) from missing


def pytest_configure(config: pytest.Config) -> None:
    from django.conf import settings

    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # a login in a test costs no 0.3 s
    suppressed = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
    hypothesis_settings.register_profile("local", deadline=None, suppress_health_check=suppressed)
    hypothesis_settings.register_profile("ci", parent=hypothesis_settings.get_profile("local"), derandomize=True)
    hypothesis_settings.load_profile("ci" if os.environ.get("CI") else "local")


def pytest_unconfigure(config: pytest.Config) -> None:
    if DATABASE is not None:
        DATABASE.stop()


def pytest_report_header(config: pytest.Config) -> str:
    return f"database: {config.getoption('--db')} ({os.environ['DATABASE_URL']})"


@pytest.fixture(scope="session")
def django_db_modify_db_settings(request: pytest.FixtureRequest) -> None:
    """The test file is named first; pytest-django then adds the worker's suffix to it."""
    from django.conf import settings

    name_test_file(settings)
    request.getfixturevalue("django_db_modify_db_settings_parallel_suffix")


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> None:
    from django.db import connection

    with django_db_blocker.unblock():
        flush_to_migrated_state(connection)


@pytest.fixture(autouse=True)
def _fresh_cache() -> None:
    """Counters and answers kept by one test are not seen by the next."""
    from django.core.cache import cache

    cache.clear()


@pytest.fixture
def manage() -> Any:
    """`manage("command", "argument", database=url)` in a process of its own; a failure shows what it printed."""

    def run(*arguments: str, database: str, **environment: str) -> subprocess.CompletedProcess[str]:
        variables = os.environ | {"DATABASE_URL": database} | environment
        command = [sys.executable, str(ROOT / "manage.py"), *arguments]
        done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, f"{' '.join(arguments)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    return run


@pytest.fixture
def empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a database without tables, beside the one the test itself uses; for processes of their own."""
    if request.config.getoption("--db") == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.sqlite3'}"
        return
    with extra_postgres_database(os.environ["DATABASE_URL"]) as url:
        yield url


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Bytes are counted, not spelled: compressed ones hold the time, and the workers must agree on every name."""
    return argname if isinstance(val, bytes) else None
