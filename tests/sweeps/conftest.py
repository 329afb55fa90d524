"""A registry with nothing in it but what a test registers."""

import pytest

from opsportal.sweeps import registry


@pytest.fixture
def empty_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_sweeps", {})
