"""The checklists of an automation as data, and the rules of thumb for whether to automate at all."""

from dataclasses import dataclass

from opsportal.errors import NotFound


@dataclass(frozen=True, slots=True)
class Item:
    key: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Checklist:
    slug: str
    title: str
    purpose: str
    items: tuple[Item, ...]


CHECKLISTS = (
    Checklist(
        "hardening",
        "Hardening",
        "From something that works for one person to something a team relies on.",
        (
            Item("hardening.trigger", "It starts by a schedule or an event, and holds at the volume expected."),
            Item("hardening.limits", "The run limits of its tool are known, and there is room below them."),
            Item("hardening.retries", "A step that fails for a moment is tried again."),
            Item("hardening.errors", "What still fails is caught and sent where somebody sees it."),
            Item("hardening.safe", "A failed step drops no data and leaves nothing half done."),
            Item("hardening.log", "Every run is logged."),
            Item("hardening.alert", "A failure raises an alert, and so does silence."),
            Item("hardening.owner", "One person owns it."),
            Item("hardening.documented", "It is written down what it does, what it touches and how to pause it."),
            Item("hardening.credentials", "It uses service or shared accounts, nobody's personal login."),
        ),
    ),
    Checklist(
        "preproduction",
        "Before production",
        "What is tried before it touches real records.",
        (
            Item("preproduction.tests", "Its steps are tested alone and together."),
            Item("preproduction.staging", "It ran in staging with realistic data."),
            Item("preproduction.secrets", "Its secrets are in place and were tried."),
            Item("preproduction.telemetry", "It reports runs, failures and durations."),
            Item("preproduction.approval", "Steps that cannot be undone ask for approval."),
        ),
    ),
    Checklist(
        "production",
        "Production readiness",
        "What must hold on the day it goes into service.",
        (
            Item("production.idempotency", "Running it twice does no harm, and compensation was tried."),
            Item("production.budget", "It has an error budget, and alerts that watch it."),
            Item("production.runbook", "It has a runbook, and the people it names are told."),
            Item("production.cost", "Its cost is tagged and watched."),
            Item("production.access", "Who may change it is limited, and changes are recorded."),
        ),
    ),
)
ITEMS = {item.key: item for checklist in CHECKLISTS for item in checklist.items}

# When to automate, and how.
DECISION = (
    ("It happens more than once a day and touches three or more systems.", "Automate it."),
    ("It needs strict transactions or has to be undone when it fails halfway.", "Use an orchestrator."),
    ("It is rare and needs judgement.", "Keep it manual."),
    ("It would gather sensitive credentials in one place.", "Add controls first, or avoid it."),
)
NOT_TO_AUTOMATE = (
    "It would hide a fault of the architecture.",
    "It needs human judgement that cannot be foreseen, or a legal duty rests on it.",
    "The process is a prototype that still changes every week.",
)


def get_item(key: str) -> Item:
    """Raises NotFound."""
    if key not in ITEMS:
        raise NotFound("unknown_item", f"No checklist has an item “{key[:60]}”.")
    return ITEMS[key]
