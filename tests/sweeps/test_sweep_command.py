"""`manage.py sweep` and its exit codes."""

from datetime import datetime, timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import OperationalError

from opsportal import clock
from opsportal.sweeps import operations, registry
from opsportal.sweeps.models import SweepRun
from opsportal.sweeps.registry import SweepResult

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("empty_registry")]

EVERY = timedelta(hours=1)


def register(name: str, outcome: SweepResult | Exception = SweepResult(1, 1)) -> list[datetime]:  # noqa: B008
    calls: list[datetime] = []

    def part(now: datetime) -> SweepResult:
        calls.append(now)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    registry.register(name, part, every=EVERY)
    return calls


def sweep(*arguments: str) -> tuple[int, str, str]:
    out, err = StringIO(), StringIO()
    try:
        call_command("sweep", *arguments, stdout=out, stderr=err)
    except SystemExit as end:
        return int(end.code or 0), out.getvalue(), err.getvalue()
    return 0, out.getvalue(), err.getvalue()


def test_it_runs_everything_at_once_whatever_the_interval():
    calls = register("handoffs")
    assert sweep("--once")[0] == 0
    assert sweep("--once")[0] == 0
    assert len(calls) == 2
    assert set(SweepRun.objects.values_list("via", flat=True)) == {"command"}


def test_only_runs_the_named_sweeps():
    handoffs, seal = register("handoffs"), register("seal")
    code, out, _ = sweep("--only", "seal")
    assert (code, len(handoffs), len(seal)) == (0, 0, 1)
    assert "seal: examined 1, fired 1" in out


def test_a_known_sweep_without_parts_is_nothing_to_do():
    assert sweep("--only", "replay")[0] == 0


def test_a_failing_part_is_exit_code_1():
    register("handoffs", RuntimeError("no"))
    register("seal")
    code, _, err = sweep()
    assert code == 1
    assert "RuntimeError: no" in err


def test_nothing_but_failures_is_exit_code_2():
    register("handoffs", RuntimeError("no"))
    assert sweep()[0] == 2


def test_an_unknown_name_among_others_is_exit_code_1_and_the_others_run():
    calls = register("handoffs")
    code, _, err = sweep("--only", "handoffs,nonsense")
    assert (code, len(calls)) == (1, 1)
    assert "nonsense" in err


def test_only_unknown_names_is_exit_code_2():
    calls = register("handoffs")
    assert sweep("--only", "nonsense")[0] == 2
    assert calls == []


def test_it_judges_as_of_an_earlier_instant():
    calls = register("handoffs")
    assert sweep("--at", "2026-03-01T09:00:00+01:00")[0] == 0
    assert calls[0].isoformat() == "2026-03-01T08:00:00+00:00"
    assert SweepRun.objects.get().at == calls[0]


@pytest.mark.parametrize("text", ["tomorrow", "2026-02-30T00:00:00Z", "2026-03-01T25:00"])
def test_what_is_no_instant_is_exit_code_2(text: str):
    calls = register("handoffs")
    assert sweep("--at", text)[0] == 2
    assert calls == []


def test_an_instant_later_than_the_database_clock_is_refused():
    calls = register("handoffs")
    code, _, err = sweep("--at", (clock.database_now() + timedelta(minutes=1)).isoformat())
    assert (code, calls) == (2, [])
    assert "OPSPORTAL_TIME_TRAVEL" in err


def test_time_travel_allows_it(settings):
    settings.TIME_TRAVEL = True
    calls = register("handoffs")
    assert sweep("--at", (clock.database_now() + timedelta(days=1)).isoformat())[0] == 0
    assert len(calls) == 1


def test_a_database_that_does_not_answer_is_exit_code_2(monkeypatch: pytest.MonkeyPatch):
    def away(*args: object, **options: object) -> None:
        raise OperationalError("connection refused")

    register("handoffs")
    monkeypatch.setattr(operations, "run_sweep", away)
    assert sweep()[0] == 2


def test_it_goes_on_while_a_sweep_used_up_its_time_and_the_later_ones_follow(monkeypatch: pytest.MonkeyPatch):
    from opsportal.sweeps.management.commands import sweep as command

    monkeypatch.setattr(command, "LONG", 0.0)
    results = [SweepResult(5, 5), SweepResult(2, 2), SweepResult()]
    registry.register("handoffs", lambda now: results.pop(0), every=EVERY)
    later = register("outbox", SweepResult())
    assert sweep()[0] == 0
    assert results == []
    assert len(later) == 3


def test_once_is_one_round(monkeypatch: pytest.MonkeyPatch):
    from opsportal.sweeps.management.commands import sweep as command

    monkeypatch.setattr(command, "LONG", 0.0)
    calls = register("handoffs")
    assert sweep("--once")[0] == 0
    assert len(calls) == 1
