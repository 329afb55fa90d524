"""What the pages of automations show: rows read with their standing, verdicts as sentences, facts as pairs."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet, Subquery

from opsportal.approvals.models import Approval
from opsportal.audit import sentences
from opsportal.audit.models import Entry
from opsportal.catalog import queries, registry, tiers
from opsportal.catalog.models import Automation, Credential, Freeze, Part, Release, Responsibility, Switch
from opsportal.catalog.readiness import Item, Readiness
from opsportal.errors import NotFound
from opsportal.identity.actors import Principal

WEIGHT = {
    "P0": "Revenue stops without it",
    "P1": "People work around it for a day without it",
    "P2": "Nobody notices for a day when it stops",
}
WORDS = (
    ("what_it_does", "What it does"),
    ("what_it_touches", "What it touches"),
    ("criticality_notes", "What stops when it stops"),
    ("how_to_pause", "How to pause it"),
    ("retry_notes", "Retries and compensation"),
    ("fallback", "Fallback"),
)


# Where somebody who may edit it fills in what readiness misses, below the page of the automation.
FILLED_IN = {
    "owner": "edit/",
    "backup": "edit/",
    "impact": "edit/",
    "dashboard": "edit/#id_links",
    "runbook": "edit/#id_links",
    "accountable": "edit/people/",
    "how_to_pause": "edit/words/",
    "documentation": "edit/words/",
    "tier_agreed": "tier/",
    "credentials": "upkeep/#credentials",
}


@dataclass(frozen=True, slots=True)
class Figure:
    label: str
    value: str
    note: str = ""
    tone: str = ""
    url: str = ""


def with_standing(rows: QuerySet[Automation], now: datetime) -> QuerySet[Automation]:
    """Automations with what lists and pages say beside them, in the one statement that reads them."""
    faulty = Credential.objects.faulty(now).filter(automation=OuterRef("pk"))
    newest = Release.objects.filter(automation=OuterRef("pk"), released_at__isnull=False).order_by("-released_at")
    asked = Approval.objects.pending(now).filter(
        kind=tiers.KIND, subject_type="automation", subject_id=OuterRef("slug")
    )
    return registry.with_beside(rows.select_related(*queries.NAMES)).annotate(
        has_faulty_credential=Exists(faulty),
        newest_version=Subquery(newest.values("version")[:1]),
        newest_released_at=Subquery(newest.values("released_at")[:1]),
        newest_watch_until=Subquery(newest.values("watch_until")[:1]),
        tier_request=Subquery(asked.values("pk")[:1]),
        has_switches=Exists(Switch.objects.filter(automation=OuterRef("pk"))),
        **registry.annotations(),
    )


def get_for_page(slug: str, *, principal: Principal | None, now: datetime) -> Any:
    """Raises NotFound."""
    frozen = Freeze.objects.in_force(now).covering_outer().order_by("-until", "-id")
    rows = with_standing(Automation.objects.visible_to(principal), now).annotate(
        **{f"frozen_{name}": Subquery(frozen.values(name)[:1]) for name in ("id", "scope", "until", "reason")},
        has_parts=Exists(Responsibility.objects.filter(automation=OuterRef("pk"))),
    )
    automation = rows.filter(slug=slug).first() if "\x00" not in slug else None
    if automation is None:
        raise NotFound("unknown_automation", f"There is no automation “{slug[:60]}”.")
    return automation


def sentence_of(automation: Automation) -> str:
    """What it means when it stops, and whose it is."""
    weight = WEIGHT[automation.tier]
    if automation.owner is None:
        return f"{weight}; nobody answers for it yet."
    backup = f", {automation.backup_owner} when {automation.owner} cannot" if automation.backup_owner else ""
    return f"{weight}; {automation.owner} answers for it{backup}."


def figures_of(automation: Any, readiness: Readiness, now: datetime) -> list[Figure]:
    """Tier, readiness, version, cost."""
    return [
        _tier(automation),
        Figure(
            "Ready for service",
            f"{readiness.have} of {readiness.of}",
            _missing(readiness),
            "good" if readiness.is_ready else "warn",
            "#missing" if readiness.missing else "",
        ),
        _version(automation, now),
        _cost(automation),
    ]


def missing_of(automation: Automation, readiness: Readiness) -> list[tuple[Item, str]]:
    """What is missing, with the page where it is filled in."""
    own = automation.get_absolute_url()
    pages = {key: own + part for key, part in FILLED_IN.items()}
    pages |= {one.key: one.filled_in.format(slug=automation.slug) for one in registry.questions()}
    return [(item, pages.get(item.key, "")) for item in readiness.missing]


def _missing(readiness: Readiness) -> str:
    if not readiness.missing:
        return "nothing is missing"
    wanted = sum(item.asked for item in readiness.missing)
    return f"{wanted} missing" if wanted else "the rest is worth having"


def _tier(automation: Automation) -> Figure:
    if automation.tier_agreed_at is None:
        return Figure(
            "Tier", automation.tier, "not agreed by RevOps and sales", "warn", f"/automations/{automation.slug}/tier/"
        )
    note = f"agreed by {automation.tier_agreed_revops} and {automation.tier_agreed_sales}"
    return Figure("Tier", automation.tier, note, "", f"/automations/{automation.slug}/tier/")


def _version(automation: Any, now: datetime) -> Figure:
    url = f"/automations/{automation.slug}/changes/"
    if automation.newest_version is None:
        return Figure("Version", "–", "no release recorded", "", url)
    watched = automation.newest_watch_until is not None and automation.newest_watch_until > now
    note = "watched after its release" if watched else f"since {automation.newest_released_at:%-d %b %Y}"
    return Figure("Version", automation.newest_version, note, "warn" if watched else "", url)


def _cost(automation: Automation) -> Figure:
    cost, budget = automation.cost_per_month, automation.cost_budget
    if cost is None:
        return Figure("Cost a month", "–", "not known")
    value = f"{cost:,.0f} {automation.currency}"
    if budget is None:
        return Figure("Cost a month", value, "no guardrail")
    over = cost > budget
    return Figure("Cost a month", value, f"of {budget:,.0f} allowed", "bad" if over else "good")


def words_of(automation: Automation) -> list[tuple[str, str]]:
    """What is written down about it, in the order somebody on shift needs it; blank where nothing is."""
    return [(label, getattr(automation, name)) for name, label in WORDS]


def gate_of(automation: Any) -> queries.Gate:
    """What queries.gate() answers to a feature, from the freeze that was read with the row."""
    if automation.frozen_until is None:
        return queries.feature_gate(None)
    told = {name: getattr(automation, f"frozen_{name}") for name in ("id", "scope", "until", "reason")}
    return queries.feature_gate(Freeze(team=automation.team, automation=automation, **told))


def people_of(automation: Any) -> list[tuple[str, list[Any]]]:
    """RACI: label and people, without the parts nobody has."""
    found: dict[str, list[Any]] = {part: [] for part in Part.values}
    if automation.has_parts:
        for each in automation.responsibilities.select_related("person"):
            found[each.part].append(each.person)
    parts = [("Accountable", [automation.accountable] if automation.accountable else [])]
    parts += [(str(Part(part).label), people) for part, people in found.items()]
    return [(label, people) for label, people in parts if people]


def cost_of(automation: Automation) -> list[tuple[str, str]]:
    said = [("A month", automation.cost_per_month), ("Guardrail", automation.cost_budget)]
    return [(label, f"{amount:,.2f} {automation.currency}") for label, amount in said if amount is not None]


def facts_of(automation: Automation) -> list[tuple[str, str]]:
    said = [
        ("Team", str(automation.team) if automation.team else ""),
        ("Platform", automation.get_platform_display()),
        ("Started by", automation.get_trigger_display()),
        ("Architecture", automation.get_pattern_display()),
        ("Maturity", automation.get_maturity_display().partition(" (")[0]),
        ("Journeys", ", ".join(automation.journeys)),
    ]
    return [(label, value) for label, value in said if value]


def steps_of(entries: Iterable[Entry]) -> list[dict[str, Any]]:
    return [_step(entry) for entry in entries]


def _step(entry: Entry) -> dict[str, Any]:
    detail = sentences.detail_of(entry)
    return {
        "id": entry.pk,
        "at": entry.at,
        "sentence": sentences.sentence(entry),
        "before": sentences.readable(detail.get("before")),
        "after": sentences.readable(detail.get("after")),
    }
