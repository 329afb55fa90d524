"""What the supervisor does when not even a process can be started; whom it kills and cures is tried in tests/faults."""

import logging

import pytest

from opsportal.sweeps import supervisor
from opsportal.sweeps.supervisor import Supervisor


def test_a_host_without_room_for_a_process_is_tried_again_ever_more_seldom(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    def no_room(*_: object) -> None:
        raise BlockingIOError("Resource temporarily unavailable")

    clock = [1_000.0]
    monkeypatch.setattr(supervisor, "Group", no_room)
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    running = Supervisor()
    with caplog.at_level(logging.ERROR, logger="opsportal.sweeps"):
        for _ in range(600):
            running._keep_cluster()
            clock[0] += 0.25
    tries = [record.getMessage() for record in caplog.records]
    assert len(tries) == 10, "after 0.5, 1, 2 … 16, 30, 30 … seconds"
    assert "cannot be started: Resource temporarily unavailable; next try in 0.5 s." in tries[0]
