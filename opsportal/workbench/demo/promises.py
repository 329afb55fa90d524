"""What the company's automations promise and report: catalogue in full, objectives, heartbeats, the published policy,
and nine weeks of runs that are added up and judged day by day, as the portal itself would have.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import chain
from random import Random
from typing import Any

from opsportal.catalog import operations as catalog
from opsportal.catalog.models import Automation
from opsportal.workbench.demo.cast import Cast, ping_project
from opsportal.workbench.demo.telemetry import HABITS, QUEUES, Telemetry
from slos.budgets.sweep import sweep_rollups
from slos.heartbeats import engine as beats
from slos.heartbeats import operations as heartbeats
from slos.heartbeats.pinging import Address, Call, take_ping
from slos.heartbeats.sweep import sweep_heartbeats
from slos.models import Heartbeat
from slos.objectives import operations as objectives
from slos.objectives.document import from_document
from slos.objectives.starters import documents, get_journey
from slos.policy import operations as policies
from slos.policy.sweep import sweep_policies
from slos.runs.engine import NewRun
from slos.runs.operations import record_queue, record_runs
from slos.states import SloState

Act = Callable[[datetime], None]

BEFORE_THE_PORTAL = timedelta(days=21)  # what the platforms still knew when the portal came
JUDGED_DAYS = 16
PINGED_DAYS = 3
CHUNK = 2_000
JOURNEYS = ("lead-router", "lifecycle-nurture", "deal-sync")
DAY = timedelta(days=1)

# slug of the automation, kind, schedule or seconds, grace in seconds; the scheduler's has been silent for some hours
HEARTBEATS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("lead-router", {"timeout_seconds": 1_200, "grace_seconds": 300}),
    ("deal-sync", {"schedule": "*/15 * * * *", "timezone": "Europe/Berlin", "grace_seconds": 600}),
    ("meeting-scheduler", {"timeout_seconds": 3_600, "grace_seconds": 900}),
    ("weekly-digest", {"schedule": "0 7 * * 1", "timezone": "Europe/Berlin", "grace_seconds": 3_600}),
)
PINGED_EVERY = {
    "lead-router": timedelta(minutes=15),
    "deal-sync": timedelta(minutes=15),
    "meeting-scheduler": timedelta(hours=1),
}
SILENT = ("meeting-scheduler", timedelta(hours=3))
SILENT_BEFORE = (timedelta(hours=52), timedelta(hours=49, minutes=40))  # before the end, of the same one

DETAILS: dict[str, dict[str, Any]] = {
    "lead-router": {
        "trigger": "event",
        "pattern": "orchestrator",
        "maturity": "intermediate",
        "journeys": ["lead-to-first-conversation"],
        "limits": {"runs_per_month": 10_000, "runs_per_hour": 300, "max_runtime_seconds": 600, "queue_depth": 50},
        "what_it_does": "Takes each new lead from the form, scores it, and names its owner in the CRM.",
        "what_it_touches": "Forms, the enrichment service, the CRM, Slack.",
        "how_to_pause": "Switch the workflow off in n8n; forms keep their leads for a day.",
        "fallback": "Leads wait in the CRM's own queue and are handed out every hour.",
        "cost_per_month": Decimal("38.00"),
        "cost_budget": Decimal("60.00"),
    },
    "deal-sync": {
        "trigger": "schedule",
        "pattern": "state_machine",
        "maturity": "intermediate",
        "journeys": ["pipeline-to-crm"],
        "limits": {"runs_per_day": 200, "max_runtime_seconds": 300, "min_items": 1},
        "what_it_does": "Brings changes of the pipeline into the CRM every quarter of an hour.",
        "what_it_touches": "The data warehouse and the CRM.",
        "how_to_pause": "Pause the schedule in n8n. The next run brings what was missed.",
        "cost_per_month": Decimal("21.00"),
    },
    "lifecycle-nurture": {
        "trigger": "event",
        "pattern": "choreography",
        "maturity": "beginner",
        "journeys": ["trigger-to-e-mail"],
        "limits": {"runs_per_month": 5_000, "retry_ratio": "0.2"},
        "what_it_does": "Sends prospects the e-mail that fits what they did last.",
        "what_it_touches": "The marketing platform and the mail service.",
        "how_to_pause": "Pause the workflow in the marketing platform; contacts stay enrolled.",
        "cost_per_month": Decimal("54.00"),
    },
}
COSTS = (
    ("n8n on Fly.io", "20", "Runs the workflows"),
    ("healthchecks.io", "12", "60 checks, until the move to this portal is done"),
    ("Grafana Cloud", "49", "Logs above the free tier"),
    ("PagerDuty", "200", "10 seats, part of a broader plan"),
    ("Supabase", "25", "Kept for old audit rows"),
)


@dataclass(slots=True)
class Services:
    """The automations with what they report. `plan` puts everything that is to happen into the history."""

    cast: Cast
    start: datetime
    end: datetime
    seed: int
    automations: dict[str, Automation] = field(default_factory=dict)
    _coming: list[NewRun] = field(default_factory=list)  # by when they end, the last first

    def plan(self, at: Callable[[datetime, Act], None]) -> None:
        """`at(instant, act)` has `act` called when history comes to `instant`."""
        at(self.start, self._begin)
        first_judged = max(self.start + DAY, self.end - JUDGED_DAYS * DAY)
        first = first_judged.astimezone(UTC).replace(hour=0, minute=20, second=0, microsecond=0)
        for instant in _instants(first, self.end, DAY):
            at(max(first_judged, instant), self._close_day)
        self._plan_pings(at)
        at(self.end - timedelta(seconds=1), self._close_day)
        at(self.end - timedelta(seconds=1), self._note_queues)

    def _begin(self, now: datetime) -> None:
        """The catalogue is completed, promises are made, the policy is published, and old runs are sent in."""
        self.automations = {one.slug: one for one in Automation.objects.filter(slug__in=HABITS)}
        telemetry = Telemetry(Random(self.seed))
        history = (telemetry.history(slug, self.start - BEFORE_THE_PORTAL, self.end) for slug in HABITS)
        self._coming = sorted(chain(*history), key=_ended_at, reverse=True)
        self._complete_catalogue(now)
        for journey in JOURNEYS:
            self._promise(journey, now)
        policies.publish_policy(actor=self.cast.actor("marta"), now=now)

    def _complete_catalogue(self, now: datetime) -> None:
        marta = self.cast.actor("marta")
        people = self.cast.people
        for slug, details in DETAILS.items():
            owner, backup = self.automations[slug].owner, self.automations[slug].backup_owner
            raci = {
                "accountable": people["marta"],
                "responsible": [one for one in (owner, backup) if one and one != people["marta"]],
                "consulted": [people["jonas"]],
                "informed": [people["daniel"], people["helena"]],
            }
            values = {**details, "raci": raci, "cost_owner": people["marta"]}
            catalog.change_automation(self.automations[slug], values=values, actor=marta, now=now)
        for tool, amount, note in COSTS:
            catalog.add_cost_line(
                tool=tool, amount=Decimal(amount), note=note, from_date=now.date(), actor=marta, now=now
            )
        for slug, name, days in (("lead-router", "CRM integration user", 12), ("deal-sync", "Warehouse reader", 140)):
            catalog.add_credential(
                self.automations[slug],
                name=name,
                reference=f"vault://revops/{slug}/{name.lower().replace(' ', '-')}",
                kind="service",
                permissions="Reads and writes leads and accounts.",
                expires_at=self.end + timedelta(days=days),
                actor=marta,
                now=now,
            )

    def _promise(self, slug: str, now: datetime) -> None:
        journey = get_journey(slug)
        if journey is None:
            raise LookupError(slug)
        for document in documents(journey):
            objectives.create_slo(
                slug=document["slug"],
                definition=from_document(document),
                state=SloState.ACTIVE,
                reason="From the playbook.",
                actor=self.cast.actor("marta"),
                now=now,
            )

    def _close_day(self, now: datetime) -> None:
        """What has been reported since the last time is added up and judged."""
        ended = []
        while self._coming and _ended_at(self._coming[-1]) < now:
            ended.append(self._coming.pop())
        for start in range(0, len(ended), CHUNK):
            record_runs(ended[start : start + CHUNK], among=Automation.objects.all(), now=now)
        while sweep_rollups(now).examined >= CHUNK:
            pass
        sweep_policies(now)

    def _note_queues(self, now: datetime) -> None:
        telemetry = Telemetry(Random(self.seed))
        for slug in QUEUES:
            depth, age = telemetry.queue(slug)
            record_queue(self.automations[slug], depth=depth, oldest_age_seconds=age, now=now)

    # --- heartbeats ---

    def _plan_pings(self, at: Callable[[datetime, Act], None]) -> None:
        began = max(self.start + timedelta(minutes=1), self.end - PINGED_DAYS * DAY)
        random = Random(self.seed)
        at(began, self._expect)
        for slug, every in PINGED_EVERY.items():
            until = self.end - SILENT[1] if slug == SILENT[0] else self.end
            for instant in _instants(_round_up(began + timedelta(minutes=2), every), until, every):
                if slug == SILENT[0] and self.end - SILENT_BEFORE[0] <= instant < self.end - SILENT_BEFORE[1]:
                    continue
                at(instant + timedelta(seconds=random.uniform(0, 40)), self._ping(slug))
        for instant in _instants(began, self.end, timedelta(hours=1)):
            at(instant, self._look)

    def _look(self, now: datetime) -> None:
        sweep_heartbeats(now)

    def _expect(self, now: datetime) -> None:
        keys = ping_project(now=now).integration
        for slug, rhythm in HEARTBEATS:
            named = {"name": self.automations[slug].name, "ping_slug": slug, "automation": self.automations[slug]}
            priya = self.cast.actor("priya")
            heartbeats.create_heartbeat(slug=slug, values={**named, **rhythm}, integration=keys, actor=priya, now=now)
            if slug == "weekly-digest":
                self._ping(slug)(now)

    def _ping(self, slug: str) -> Act:
        return lambda now: send_sign_of_life(slug, now=now)


def send_sign_of_life(slug: str, *, now: datetime) -> None:
    """Ping the heartbeat of that slug, where there is one."""
    code = Heartbeat.objects.filter(slug=slug).values_list("code", flat=True).first()
    if code is not None:
        take_ping(Address(code=code), Call(beats.SUCCESS, method="POST", user_agent="n8n"), now)


def _ended_at(run: NewRun) -> datetime:
    return run.finished_at or datetime.max.replace(tzinfo=UTC)


def _round_up(at: datetime, every: timedelta) -> datetime:
    """The next full quarter of an hour, or hour: what runs by a schedule reports right after it, whenever we start."""
    seconds = every.total_seconds()
    return datetime.fromtimestamp(-(-at.timestamp() // seconds) * seconds, UTC)


def _instants(start: datetime, end: datetime, every: timedelta) -> Iterator[datetime]:
    while start < end:
        yield start
        start += every
