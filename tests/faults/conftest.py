"""One real PostgreSQL for all fault tests of a run; each test starts its own worker on it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.harness import Database


@pytest.fixture(scope="module")
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    if request.config.getoption("--db") != "postgres":
        pytest.skip("faults have a PostgreSQL of their own: they run once, with --db postgres")
    running = Database()
    try:
        running.migrate()
        yield running
    finally:
        running.stop()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "work.log"
