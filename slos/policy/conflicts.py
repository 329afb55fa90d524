"""Where rules contradict each other or can never act. Pure: rules and the SLOs they judge in, sentences out."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from slos.policy.engine import budget_of, spell
from slos.policy.rules import Rule, Then, When

SHOWN = 3


@dataclass(frozen=True, slots=True)
class Judgeable:
    """An SLO as conflicts see it."""

    name: str
    target: str
    automation: int


@dataclass(frozen=True, slots=True)
class Wording:
    """A policy in force: its rules, the SLOs it judges, the automations those belong to."""

    name: str
    rules: Sequence[Rule]
    slos: Sequence[Judgeable] = ()

    @property
    def automations(self) -> frozenset[int]:
        return frozenset(slo.automation for slo in self.slos)


@dataclass(frozen=True, slots=True)
class Conflict:
    """`kind`: contradiction, flapping, overlap, unreachable, idle, frozen_and_allowed."""

    kind: str
    sentence: str
    policies: list[str] = field(default_factory=list)


def find_conflicts(wordings: Sequence[Wording]) -> list[Conflict]:
    """Of policies in force."""
    found: list[Conflict] = []
    for number, wording in enumerate(wordings):
        found += _within(wording)
        for other in wordings[number + 1 :]:
            found += _between(wording, other)
    return found


def frozen_and_allowed(names: Iterable[str]) -> list[Conflict]:
    """Automations that one rule freezes and another one lets experiment."""
    return [
        Conflict("frozen_and_allowed", f"{name} may experiment by one rule and is frozen by another; the freeze wins.")
        for name in names
    ]


def _within(wording: Wording) -> Iterator[Conflict]:
    if not wording.slos:
        yield Conflict("idle", f"{wording.name} covers no SLO in force, so it decides nothing.", [wording.name])
    yield from _contradictions(wording, wording)
    for rule in wording.rules:
        if rule.then is Then.FREEZE and rule.when is When.BURN_DAYS and rule.exit_below > rule.above:
            figures = f"begins above {spell(rule.above)} and ends below {spell(rule.exit_below)}"
            yield Conflict("flapping", f"{wording.name}: a freeze by {rule.slug} {figures}.", [wording.name])
        yield from _unreachable(wording, rule)


def _unreachable(wording: Wording, rule: Rule) -> Iterator[Conflict]:
    """A burn rate never exceeds 1 / B: everything bad, all the time."""
    if rule.when not in (When.BURN_DAYS, When.POOLED_BURN):
        return
    never = [slo for slo in wording.slos if rule.above >= 1 / budget_of(slo.target)]
    if never:
        most = max(1 / budget_of(slo.target) for slo in never)
        text = f"{rule.slug} cannot act on {_names([slo.name for slo in never])}"
        text += f": burn never exceeds {spell(Fraction(most))} there, and it asks for more than {spell(rule.above)}"
        yield Conflict("unreachable", f"{wording.name}: {text}.", [wording.name])


def _between(one: Wording, other: Wording) -> Iterator[Conflict]:
    shared = one.automations & other.automations
    if not shared:
        return
    yield from _contradictions(one, other)
    yield from _contradictions(other, one)
    for rule in one.rules:
        for twin in other.rules:
            if rule.when is twin.when and rule.then is twin.then:
                count = f"{len(shared)} automation{'s' if len(shared) > 1 else ''}"
                same = f"both judge {count} by {rule.when.replace('_', ' ')} ({rule.slug}, {twin.slug})"
                names = [one.name, other.name]
                yield Conflict("overlap", f"{one.name} and {other.name} {same}; the stricter one acts first.", names)


def _contradictions(healthy: Wording, strict: Wording) -> Iterator[Conflict]:
    """A burn at which one rule sees six healthy weeks and another one a reason to freeze."""
    for good in healthy.rules:
        if good.then is not Then.EXPERIMENT:
            continue
        for bad in strict.rules:
            if bad.then is Then.FREEZE and bad.when in (When.BURN_DAYS, When.POOLED_BURN) and good.below > bad.above:
                text = f"between a burn of {spell(bad.above)} and {spell(good.below)} {bad.slug} freezes"
                names = sorted({healthy.name, strict.name})
                yield Conflict(
                    "contradiction", f"{' and '.join(names)}: {text} what {good.slug} lets experiment.", names
                )


def _names(names: list[str]) -> str:
    shown = ", ".join(names[:SHOWN])
    return shown if len(names) <= SHOWN else f"{shown} and {len(names) - SHOWN} more"
