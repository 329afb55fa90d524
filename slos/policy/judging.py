"""What the rules of a policy say of an SLO on a day: the one path for every day, for a dry run and for a test."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from slos.models import Slo
from slos.policy import engine, readings, words
from slos.policy.engine import Inputs, Outcome, Series
from slos.policy.rules import Rule, Verdict


@dataclass(frozen=True, slots=True)
class Judged:
    """A rule's verdict on a day, what it was judged by, and the sentence it is told as."""

    rule: Rule
    day: date
    inputs: Inputs
    outcome: Outcome
    sentence: str

    @property
    def verdict(self) -> Verdict:
        return self.outcome.verdict


def judge_day(rules: Iterable[Rule], slo: Slo, series: Series, day: date, before: Mapping[str, str]) -> list[Judged]:
    """Every rule that is due on `day`. `before`: each rule's verdict of the time before."""
    terms = readings.terms_of(slo)
    found = []
    for rule in rules:
        if not engine.is_due(rule, terms, day):
            continue
        length = readings.unit_seconds(rule, slo, day)
        inputs = engine.gather(rule, terms, series, day, before.get(rule.slug, Verdict.NONE), length=length)
        outcome = engine.judge(rule, inputs)
        found.append(Judged(rule, day, inputs, outcome, words.verdict(rule, outcome, slo.name)))
    return found


def judge_end(rule: Rule, slo: Slo, series: Series, day: date, began: date) -> Judged:
    """Whether the freeze that `rule` began by the data of `began` is over on `day`."""
    length = readings.unit_seconds(rule, slo, day)
    inputs = engine.gather_end(rule, readings.terms_of(slo), series, day, began, length=length)
    outcome = engine.judge_end(rule, inputs)
    return Judged(rule, day, inputs, outcome, words.ending(rule, outcome, slo.name))


def after(before: Mapping[str, str], judged: Iterable[Judged]) -> dict[str, str]:
    """How each rule stands after the day."""
    return {**before, **{one.rule.slug: str(one.verdict) for one in judged}}
