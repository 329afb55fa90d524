"""What the platforms of the demo report: believable runs of each automation, with the bad days among them. Seeded, no
database.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

import msgspec

from opsportal.ids import new_trace_id
from opsportal.workbench.demo.leads import BERLIN, HOURS, WEEKDAYS
from slos.runs.engine import NewRun, Step
from slos.states import RunStatus

RATE_LIMIT = ("SalesforceRateLimit", "REQUEST_LIMIT_EXCEEDED: the daily request limit of the organisation is reached")


@dataclass(frozen=True, slots=True)
class Trouble:
    """A stretch that began so many days before the end, on the last working day there, at an hour of Berlin. A share of
    the runs fails, a third takes `slower` times as long, and `rush` more of them come in.
    """

    days_ago: int
    hour: float
    lasted: timedelta
    failing: float = 0.0
    slower: float = 1.0
    rush: int = 0
    error: tuple[str, str] = RATE_LIMIT

    def began(self, end: datetime) -> datetime:
        day = end.astimezone(BERLIN) - timedelta(days=self.days_ago)
        day -= timedelta(days=max(0, day.weekday() - 4))
        return day.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(hours=self.hour)

    def holds(self, at: datetime, end: datetime) -> bool:
        began = self.began(end)
        return began <= at < began + self.lasted


@dataclass(frozen=True, slots=True)
class Habit:
    """How an automation runs when nothing is wrong. `a_day` runs follow the working day; `every` is a fixed rhythm."""

    steps: tuple[tuple[str, float], ...]  # with its share of the duration
    median_seconds: float
    spread: float
    failing: float
    error: tuple[str, str]
    a_day: float = 0.0
    every: timedelta | None = None
    cost: str = "0.0004"
    items: int = 1
    versions: tuple[str, ...] = ("v1",)
    trigger: str = "event"
    troubles: tuple[Trouble, ...] = ()


DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
TIMEOUT = ("Timeout", "The CRM did not answer within 30 s")
HABITS: dict[str, Habit] = {
    "lead-router": Habit(
        steps=(("Webhook", 0.02), ("Enrich", 0.38), ("Score", 0.1), ("Assign in CRM", 0.42), ("Tell owner", 0.08)),
        median_seconds=9,
        spread=0.55,
        failing=0.0015,
        error=TIMEOUT,
        a_day=70,
        versions=("v41", "v42", "v43"),
        # The launch day of a big customer: the CRM's limit blocks a third of the assignments for 22 minutes.
        troubles=(
            Trouble(16, 10.5, 22 * MINUTE, failing=0.35, rush=60),
            Trouble(4, 14.2, 9 * MINUTE, failing=0.9, rush=14, error=TIMEOUT),
        ),
    ),
    "deal-sync": Habit(
        steps=(("Read changes", 0.3), ("Match accounts", 0.2), ("Write to CRM", 0.5)),
        median_seconds=48,
        spread=0.35,
        failing=0.0012,
        error=TIMEOUT,
        every=15 * MINUTE,
        items=24,
        cost="0.0011",
        versions=("v12", "v13"),
        trigger="schedule",
    ),
    "lifecycle-nurture": Habit(
        steps=(("Segment", 0.2), ("Render", 0.15), ("Queue", 0.35), ("Send", 0.3)),
        median_seconds=62,
        spread=0.5,
        failing=0.004,
        error=("SmtpDeferred", "451 4.7.1 Greylisted, try again later"),
        a_day=60,
        items=180,
        cost="0.0180",
        versions=("v7", "v8"),
        # A new template since five days: every third batch waits too long in the queue.
        troubles=(Trouble(5, 9.0, 9 * DAY, failing=0.03, slower=16.0, error=("QueueFull", "The queue is full")),),
    ),
    "meeting-scheduler": Habit(
        steps=(("Find slot", 0.6), ("Invite", 0.4)),
        median_seconds=6,
        spread=0.7,
        failing=0.006,
        error=("CalendarConflict", "409: the slot was taken meanwhile"),
        a_day=14,
        versions=("v3",),
    ),
    "enrichment": Habit(
        steps=(("Look up", 0.9), ("Save", 0.1)),
        median_seconds=3,
        spread=0.8,
        failing=0.02,
        error=("HTTP 404", "No company is known under this domain"),
        a_day=40,
        cost="0.0120",
        versions=("v5",),
    ),
    "weekly-digest": Habit(
        steps=(("Collect", 0.7), ("Mail", 0.3)),
        median_seconds=35,
        spread=0.2,
        failing=0.0,
        error=TIMEOUT,
        every=7 * DAY,
        items=12,
        versions=("v2",),
        trigger="schedule",
    ),
}


# slug: how many items usually wait, and how long each takes to be its turn
QUEUES: dict[str, tuple[float, float]] = {"lead-router": (2.0, 9.0), "lifecycle-nurture": (26.0, 41.0)}


@dataclass(slots=True)
class Telemetry:
    """Makes runs from a seed; the same seed makes the same ones."""

    random: Random
    numbers: dict[str, int] = field(default_factory=dict)

    def history(self, slug: str, start: datetime, end: datetime) -> Iterator[NewRun]:
        """Every run of an automation that began in [start, end), in order."""
        habit = HABITS[slug]
        for at in sorted((*self._starts(habit, start, end), *self._rushes(habit, end))):
            run = self.run(slug, at, end)
            if run.finished_at is not None and run.finished_at < end:
                yield run

    def just_now(self, slug: str, now: datetime) -> NewRun:
        """A run that has just ended, with a number no earlier start of the demo has used."""
        self.numbers.setdefault(slug, int(now.timestamp()))
        run = self.run(slug, now, now)
        ended = (run.finished_at or now) - now
        began = now - ended
        return msgspec.structs.replace(run, started_at=began, finished_at=now, occurred_at=began - timedelta(seconds=2))

    def queue(self, slug: str) -> tuple[int, int | None]:
        """How many items wait before an automation, and for how many seconds the oldest."""
        usual, seconds = QUEUES[slug]
        depth = round(self.random.expovariate(1 / usual))
        return depth, round(depth * seconds) if depth else None

    def run(self, slug: str, at: datetime, end: datetime) -> NewRun:
        """One finished run that began at `at`; `end` is what the troubles are counted back from."""
        habit, at = HABITS[slug], at.astimezone(UTC)
        trouble = next((one for one in habit.troubles if one.holds(at, end)), None)
        is_slow = trouble is not None and self.random.random() < 0.34
        seconds = habit.median_seconds * self.random.lognormvariate(0, habit.spread)
        seconds *= trouble.slower if trouble is not None and is_slow else 1.0
        failing = max(habit.failing, trouble.failing if trouble else 0.0)
        failed = self.random.random() < failing
        error = (trouble.error if trouble else habit.error) if failed else ("", "")
        retries = 2 if failed else int(self.random.random() < 0.02)
        number = self.numbers[slug] = self.numbers.get(slug, 0) + 1
        share = (at - (end - 63 * DAY)) / (63 * DAY)
        version = habit.versions[min(len(habit.versions) - 1, max(0, int(share * len(habit.versions))))]
        return NewRun(
            automation=slug,
            run_id=f"{at:%y%m%d}-{number:06d}",
            status=(RunStatus.FAILED if failed else RunStatus.SUCCEEDED).value,
            started_at=at,
            finished_at=at + timedelta(milliseconds=max(40, round(seconds * 1000))),
            occurred_at=at - timedelta(seconds=round(self.random.uniform(0.2, 20.0), 1)),
            correlation_id=new_trace_id(),
            payload_bytes=self.random.randint(600, 9_000),
            error_type=error[0],
            error_message=error[1],
            attempt=1 + retries,
            retries=retries,
            version=version,
            environment="production",
            trigger=habit.trigger,
            cost=Decimal(habit.cost),
            items_out=0 if failed else max(1, round(habit.items * self.random.uniform(0.6, 1.4))),
            steps=self._steps(habit, seconds, failed),
        )

    def _rushes(self, habit: Habit, end: datetime) -> Iterator[datetime]:
        for one in habit.troubles:
            for _ in range(one.rush):
                yield one.began(end) + one.lasted * self.random.random()

    def _steps(self, habit: Habit, seconds: float, failed: bool) -> list[Step]:
        """Its steps with their durations; a failed run breaks off in the longest one."""
        taken = [Step(name=name, duration=round(seconds * share, 3)) for name, share in habit.steps]
        if not failed:
            return taken
        longest = max(range(len(taken)), key=lambda place: habit.steps[place][1])
        return [*taken[:longest], msgspec.structs.replace(taken[longest], status="failed")]

    def _starts(self, habit: Habit, start: datetime, end: datetime) -> Iterator[datetime]:
        if habit.every is not None:
            at = start
            while at < end:
                yield at + timedelta(seconds=round(self.random.uniform(0, 4), 1))
                at += habit.every
            return
        day = start.astimezone(BERLIN).replace(hour=0, minute=0, second=0, microsecond=0)
        while day < end:
            for hour, weight in enumerate(HOURS):
                expected = habit.a_day * weight / sum(HOURS) * WEEKDAYS[day.weekday()]
                count = int(expected) + (self.random.random() < expected % 1)
                instants = sorted(
                    day.replace(hour=hour) + timedelta(seconds=self.random.uniform(0, 3599)) for _ in range(count)
                )
                yield from (at for at in instants if start <= at < end)
            day = (day + timedelta(hours=30)).replace(hour=0)
