"""Runbooks to begin with: three automations, a vendor's outage, and two empty forms."""

from dataclasses import dataclass
from pathlib import Path

from runbooks.library.engine.front_matter import with_values

FOLDER = Path(__file__).parent / "starter_texts"


@dataclass(frozen=True, slots=True)
class Starter:
    """`slug` names its file; a form to fill in has none."""

    name: str
    title: str
    sentence: str
    slug: str = ""
    text: str = ""


STARTERS = (
    Starter("lead-router", "Lead Router", "Leads are late or lost: limits, fallback, replay.", "lead-router"),
    Starter("lifecycle-nurture", "Lifecycle Nurture", "Mails are late or wrong.", "lifecycle-nurture"),
    Starter("deal-sync", "Deal Sync", "Deals differ between two systems.", "deal-sync"),
    Starter("vendor-degraded", "Vendor degraded", "A playbook for when it is not us.", "vendor-degraded"),
    Starter("incident", "Five parts", "The parts of a runbook, to fill in."),
    Starter("handoff", "One page of a handoff", "Owner, SLA, trigger, trace, consequence, to fill in."),
)


def get(name: str, *, automation: str = "") -> Starter:
    """A starter with its text; the empty five parts for an unknown name. `automation` takes the place of its own."""
    found = next((one for one in STARTERS if one.name == name), STARTERS[4])
    text = (FOLDER / f"{found.name}.md").read_text(encoding="utf-8")
    if automation:
        text = text.replace(f"automation: {found.slug}", f"automation: {automation}") if found.slug else text
        text = with_values(text, {"automation": automation}) if found.name == "incident" else text
    return Starter(found.name, found.title, found.sentence, automation or found.slug, text)
