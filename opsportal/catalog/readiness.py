"""What an automation lacks before people can rely on it: what the catalogue knows, and what rooms above register.

P0 and P1 must have everything; P2 is ready with an owner and what it does written down, the rest is worth having.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from opsportal.catalog import registry
from opsportal.catalog.models import Automation, Credential

LENIENT = "P2"
ASKED_OF_P2 = frozenset({"owner", "documentation"})
ORDER = ("owner", "backup", "accountable", "slo", "alert", "dashboard", "runbook", "how_to_pause")


@dataclass(frozen=True, slots=True)
class Item:
    """`sentence` says what is missing, and is empty where nothing is; `asked`: the tier demands it."""

    key: str
    sentence: str
    ok: bool
    asked: bool


@dataclass(frozen=True, slots=True)
class Readiness:
    items: tuple[Item, ...]

    @property
    def have(self) -> int:
        return sum(item.ok for item in self.items)

    @property
    def of(self) -> int:
        return len(self.items)

    @property
    def missing(self) -> list[Item]:
        return [item for item in self.items if not item.ok]

    @property
    def is_ready(self) -> bool:
        """Nothing its tier demands is missing."""
        return not any(item.asked for item in self.missing)

    @property
    def sentence(self) -> str:
        wanted = sum(item.asked for item in self.missing)
        if wanted:
            return f"{wanted} of the {sum(item.asked for item in self.items)} things its tier asks for are missing."
        return "It has everything its tier asks for." if self.missing else "It has everything."


OWN = {
    "owner": "Nobody answers for it: it has no owner.",
    "backup": "It has no backup for when its owner is away.",
    "accountable": "Nobody is named as accountable.",
    "tier_agreed": "RevOps and sales leadership have not agreed on its tier.",
    "dashboard": "No dashboard is linked.",
    "runbook": "No runbook is linked.",
    "how_to_pause": "Nobody has written down how to pause it.",
    "impact": "Nobody has written down what stops when it stops.",
    "documentation": "Nobody has written down what it does.",
    "credentials": "A credential of it is a personal login, too broad or expired.",
}


def readiness_of(automation: Automation, at: datetime) -> Readiness:
    return readiness_of_all([automation], at)[automation.pk]


def readiness_of_all(automations: Collection[Automation], at: datetime) -> dict[int, Readiness]:
    """Readiness of many at once: one query for credentials and one for each question of a room above."""
    above = {question.key: question for question in registry.questions()}
    had = {key: _had(question, automations) for key, question in above.items()} if automations else {}
    faulty = _with_faulty_credentials(automations, at)
    sentences = {**OWN, **{key: question.question for key, question in above.items()}}
    found = {}
    for automation in automations:
        own = _own(automation) | (set() if automation.pk in faulty else {"credentials"})
        has = own | {key for key, keys in had.items() if automation.pk in keys}
        found[automation.pk] = Readiness(tuple(_items(automation, sentences, has)))
    return found


def _items(automation: Automation, sentences: Mapping[str, str], has: set[str]) -> Iterable[Item]:
    lenient = automation.tier == LENIENT
    for key in sorted(sentences, key=lambda key: (ORDER.index(key) if key in ORDER else len(ORDER), key)):
        yield Item(key, "" if key in has else sentences[key], key in has, not lenient or key in ASKED_OF_P2)


def _own(automation: Automation) -> set[str]:
    """What the row itself tells."""
    kinds = {link.get("kind") for link in automation.links}
    told = {
        "owner": automation.owner_id,
        "backup": automation.backup_owner_id,
        "accountable": automation.accountable_id,
        "tier_agreed": automation.tier_agreed_at,
        "dashboard": kinds & {"grafana", "dashboard"},
        "runbook": "runbook" in kinds,
        "how_to_pause": automation.how_to_pause,
        "impact": automation.criticality_notes,
        "documentation": automation.what_it_does,
    }
    return {key for key, value in told.items() if value}


def _had(question: registry.Question, automations: Collection[Automation]) -> set[int]:
    """Who has it: told by the rows where they were read with it (pages.with_standing), else asked."""
    name = question.annotation
    if question.rows is not None and all(hasattr(automation, name) for automation in automations):
        return {automation.pk for automation in automations if getattr(automation, name)}
    return question.have(automations)


def _with_faulty_credentials(automations: Collection[Automation], at: datetime) -> set[int]:
    if not automations:
        return set()
    if all(hasattr(automation, "has_faulty_credential") for automation in automations):  # read with the rows already
        return {automation.pk for automation in automations if automation.has_faulty_credential}  # type: ignore[attr-defined]
    keys = [automation.pk for automation in automations]
    return set(Credential.objects.faulty(at).filter(automation__in=keys).values_list("automation_id", flat=True))
