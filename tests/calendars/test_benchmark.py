"""The benchmark: what it promises about our own cost, and that it names who answers differently."""

import io
from datetime import timedelta

import pytest

from opsportal.calendars import benchmark


def test_a_question_costs_two_microseconds_at_most_whatever_the_span():
    calculator = benchmark._ours(benchmark.Hours("Europe/Berlin", (0, 1, 2, 3, 4), "09:00", "17:00"))
    costs = benchmark._costs(calculator)
    assert max(costs) <= 2.0
    assert costs[2] / costs[0] <= 1.5
    assert costs[5] / costs[3] <= 1.5


def test_it_prints_costs_and_answers(monkeypatch):
    pytest.importorskip("django_bizcal")
    pytest.importorskip("businesstimedelta")
    short = {name: timedelta(days=days) for name, days in (("1 day", 1), ("1 year", 2), ("10 years", 3))}
    monkeypatch.setattr(benchmark, "SPANS", short)
    monkeypatch.setattr(benchmark, "MEASURE_SECONDS", 0.001)
    out = io.StringIO()
    benchmark.run(out)
    printed = out.getvalue()
    assert "between, 10 years" in printed
    assert "A window that opens in the skipped hour: 7,200 s\n    ≠ django-bizcal" in printed
    assert "    = businesstimedelta 1.0.1: 2026-01-09 16:00:00 UTC" in printed


def test_every_answer_of_ours_is_what_the_reference_says():
    from tests.calendars.reference import Reference

    for question in benchmark._questions():
        hours = question.hours
        days = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
        weekly = {days[day]: [[hours.start, hours.end]] for day in hours.days}
        reference = Reference({"timezone": hours.zone, "weekly": weekly})
        ours = benchmark._ours(hours)
        assert ours.between(question.start, question.end) == reference.between(question.start, question.end, 60)
        if question.add is not None:
            assert ours.add(question.start, question.add) == reference.add(question.start, question.add)
