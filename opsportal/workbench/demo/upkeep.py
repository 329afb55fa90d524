"""How the company looks after its automations: releases, a switch, checklists, links, tiers agreed by two people."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from opsportal.approvals import operations as approvals
from opsportal.catalog import operations as catalog
from opsportal.catalog import tiers
from opsportal.catalog.checklists import CHECKLISTS
from opsportal.catalog.models import Automation
from opsportal.workbench.demo.cast import Cast

Act = Callable[[datetime], None]

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
GRAFANA = "https://grafana.northbeam.example"
LINKED = ("deal-sync", "lifecycle-nurture")
# automation, version, days before the end (as its runs tell), what it is, what it changed
RELEASES = (
    ("lead-router", "v42", 41.9, "feature", "Asks the enrichment service once for each company, not for each lead."),
    ("lifecycle-nurture", "v8", 31.5, "feature", "Sends renewals the new template."),
    ("deal-sync", "v13", 31.5, "fix", "Waits 30 seconds when the CRM says that it is busy."),
    ("lead-router", "v43", 21.0, "feature", "Routes partners' leads to the partner team."),
)
# Of each checklist the first so many items are done.
DONE = {"lead-router": 8, "deal-sync": 4}


class Upkeep:
    def __init__(self, cast: Cast, *, start: datetime, end: datetime) -> None:
        self.cast, self.start, self.end = cast, start, end

    def plan(self, at: Callable[[datetime, Act], None]) -> None:
        soon = self.start + MINUTE
        at(soon, self._tidy)
        for number, release in enumerate(RELEASES, 1):
            at(max(soon + number * MINUTE, self.end - release[2] * DAY), self._release(*release[:2], *release[3:]))
        at(max(soon, self.end - DAY), self._ask_for_a_tier)

    def _who(self, username: str, now: datetime) -> dict[str, Any]:
        return {"actor": self.cast.actor(username), "now": now}

    def _tidy(self, now: datetime) -> None:
        """What was done when the portal came: links, checklists, a switch, and a tier both sides agree on."""
        for slug in LINKED:
            automation = Automation.objects.get(slug=slug)
            catalog.change_automation(automation, values={"links": _links(automation)}, **self._who("marta", now))
        for slug, done in DONE.items():
            automation = Automation.objects.get(slug=slug)
            for item in [item for checklist in CHECKLISTS for item in checklist.items[:done]]:
                catalog.tick_item(automation, item=item.key, done=True, **self._who("priya", now))
        router = Automation.objects.get(slug="lead-router")
        label = "Score by the model, not by points"
        catalog.add_switch(router, slug="score-by-model", label=label, is_on=True, **self._who("marta", now))
        deals = Automation.objects.get(slug="deal-sync")
        reason = "Forecasts are a day old without it; nobody waits at the telephone."
        marta, helena = self.cast.people["marta"], self.cast.people["helena"]
        asked = tiers.propose_tier(deals, tier=deals.tier, requested_by=marta, now=now, reason=reason)
        approvals.approve(asked.pk, person=helena, now=now, authenticated_at=now)

    def _release(self, slug: str, version: str, change: str, notes: str) -> Act:
        def go_out(now: datetime) -> None:
            automation = Automation.objects.get(slug=slug)
            catalog.record_release(automation, version=version, change=change, notes=notes, **self._who("marta", now))

        return go_out

    def _ask_for_a_tier(self, now: datetime) -> None:
        """Leadership has something to agree on."""
        router = Automation.objects.get(slug="lead-router")
        marta, reason = self.cast.people["marta"], "Every lead waits while it stands still."
        tiers.propose_tier(router, tier=router.tier, requested_by=marta, now=now, reason=reason)


def _links(automation: Automation) -> list[dict[str, str]]:
    logs = f"{GRAFANA}/explore?left=%7Bapp%3D%22{automation.slug}%22%7D"
    return [
        *automation.links,
        {"label": "Dashboard", "url": f"{GRAFANA}/d/{automation.slug}", "kind": "dashboard"},
        {"label": "Logs in Loki", "url": logs, "kind": "logs"},
        {"label": "Repository", "url": f"https://git.northbeam.example/{automation.slug}", "kind": "repository"},
    ]
