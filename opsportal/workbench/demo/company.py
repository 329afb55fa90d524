"""What the company of the demo runs on: its calendar, its rules, its automations."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from handoffs import operations as handoffs
from handoffs.models import Rule
from handoffs.operations import Terms
from handoffs.states import StopClock
from opsportal.calendars import operations as calendars
from opsportal.calendars.models import AROUND_THE_CLOCK, Calendar
from opsportal.catalog import operations as catalog
from opsportal.workbench.demo.cast import Cast

SPEED_TO_LEAD, FOLLOW_UP, LIVE_CHAT = "speed-to-lead", "post-meeting-follow-up", "live-chat"
WORKDAY = [["09:00", "18:00"]]


@dataclass(frozen=True, slots=True)
class Company:
    """The rules by slug. The second and third begin in shadow and go live when the first has proved itself."""

    rules: dict[str, Rule]
    shadow_days: int = 8

    def __getitem__(self, slug: str) -> Rule:
        return self.rules[slug]


def found(cast: Cast, *, now: datetime) -> Company:
    """Enter calendar, automations and rules; the first rule starts at once, the second in shadow."""
    hours = _open_hours(cast, now)
    _enter_automations(cast, now)
    marta = cast.actor("marta")
    rules = {}
    for slug, (name, make_terms) in RULES.items():
        calendar = hours if slug != LIVE_CHAT else Calendar.objects.get(slug=AROUND_THE_CLOCK)
        terms = make_terms(calendar, cast)
        rules[slug] = handoffs.create_rule(
            slug=slug, name=name, terms=terms, team=cast.teams["sales"], actor=marta, now=now
        )
    rules[SPEED_TO_LEAD] = handoffs.activate_rule(
        rules[SPEED_TO_LEAD], actor=marta, now=now, reason="Our first timer. One SLA, made reliable, then the next."
    )
    rules[FOLLOW_UP] = handoffs.shadow_rule(rules[FOLLOW_UP], actor=marta, now=now)
    return Company(rules)


def activate(company: Company, slug: str, cast: Cast, *, now: datetime) -> None:
    company.rules[slug] = handoffs.activate_rule(
        company.rules[slug],
        actor=cast.actor("marta"),
        now=now,
        acknowledge=True,
        reason="The first rule holds; this one is next.",
    )


def _open_hours(cast: Cast, now: datetime) -> Calendar:
    days = ("mon", "tue", "wed", "thu", "fri")
    closed = _days_off(now.year) | _days_off(now.year + 1)
    return calendars.create_calendar(
        slug="sales-hours",
        name="Sales hours",
        timezone="Europe/Berlin",
        weekly=dict.fromkeys(days, WORKDAY),
        overrides={day: [] for day in closed},
        override_names=closed,
        closures=[],
        team=cast.teams["sales"],
        note="As agreed with sales: nine to six, no public holidays.",
        actor=cast.actor("marta"),
        now=now,
    )


def _days_off(year: int) -> dict[str, str]:
    named = {
        date(year, 1, 1): "New Year",
        date(year, 5, 1): "Labour Day",
        date(year, 10, 3): "German Unity Day",
        date(year, 12, 24): "Christmas Eve",
        date(year, 12, 25): "Christmas Day",
        date(year, 12, 26): "Second Day of Christmas",
        date(year, 12, 31): "New Year's Eve",
    }
    return {day.isoformat(): name for day, name in named.items()}


def _speed_to_lead(calendar: Calendar, cast: Cast) -> Terms:
    return Terms(
        calendar=calendar,
        sla_minutes=30,
        segments=[{"icp": "enterprise", "sla_minutes": 15}],
        fallback_person=cast.people["daniel"],
        trigger="The CRM record of the lead is created.",
        target="Speed to lead, and through it the meeting-set rate.",
        timer="30 minutes in sales hours, 15 for enterprise.",
        trace="Record id, instants, owner and every action, under one trace id.",
        consequence="At 30 minutes the owner hears of it; at 60 the backup takes over and both are told.",
    )


def _follow_up(calendar: Calendar, cast: Cast) -> Terms:
    return Terms(
        calendar=calendar,
        sla_minutes=240,
        stop_clock=StopClock.COMPLETION,
        fallback_person=cast.people["daniel"],
        trigger="The meeting ends in the calendar.",
        target="Second meetings, and deals that do not go cold.",
        timer="Four hours in sales hours until summary and next steps are sent.",
        trace="Meeting id, instants, owner and every action, under one trace id.",
        consequence="At four hours the owner hears of it; at eight the backup takes over and both are told.",
    )


def _live_chat(calendar: Calendar, cast: Cast) -> Terms:
    return Terms(
        calendar=calendar,
        sla_minutes=2,
        fallback_person=cast.people["daniel"],
        trigger="A visitor asks for a person in the chat.",
        target="Chats that become meetings.",
        timer="Two minutes, around the clock.",
        trace="Chat id, instants, owner and every action, under one trace id.",
        consequence="At two minutes the owner hears of it; at four the backup takes over and both are told.",
    )


RULES: dict[str, tuple[str, Callable[[Calendar, Cast], Terms]]] = {
    SPEED_TO_LEAD: ("Speed to lead", _speed_to_lead),
    FOLLOW_UP: ("Post-meeting follow-up", _follow_up),
    LIVE_CHAT: ("Live chat", _live_chat),
}

# slug, name, tier, platform, owner, backup, what stops when it stops
AUTOMATIONS = (
    ("lead-router", "Lead router", "P0", "n8n", "priya", "marta", "New leads reach nobody; sales notices first."),
    ("deal-sync", "Deal sync", "P0", "n8n", "priya", "tomas", "The pipeline in the CRM grows old; forecasts go wrong."),
    ("lifecycle-nurture", "Lifecycle nurture", "P1", "hubspot", "marta", "priya", "Mails to prospects go out late."),
    ("meeting-scheduler", "Meeting scheduler", "P1", "zapier", "lena", "amir", "Meetings are set by hand for a day."),
    ("enrichment", "Lead enrichment", "P2", "make", "amir", None, "Leads arrive without company size."),
    ("weekly-digest", "Weekly digest", "P2", "cron", None, None, ""),
)  # fmt: skip


def _enter_automations(cast: Cast, now: datetime) -> None:
    marta = cast.actor("marta")
    for place, (slug, name, tier, platform, owner, backup, notes) in enumerate(AUTOMATIONS):
        at = now + timedelta(minutes=5 * place)
        automation = catalog.create_automation(
            slug=slug,
            name=name,
            team=cast.teams["sales"],
            tier=tier,
            platform=platform,
            owner=cast.people.get(owner or ""),
            backup_owner=cast.people.get(backup or ""),
            criticality_notes=notes,
            links=[{"label": "Workflow", "url": f"https://automations.northbeam.example/{slug}"}],
            actor=marta,
            now=at,
        )
        if automation.owner:
            catalog.activate_automation(automation, actor=marta, now=at + timedelta(minutes=1))
