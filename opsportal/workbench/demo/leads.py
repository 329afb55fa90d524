"""What comes in: believable leads, meetings and chats, and how long people take for them. Seeded, no database."""

import math
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from random import Random
from zoneinfo import ZoneInfo

BERLIN = ZoneInfo("Europe/Berlin")
COMPANIES = (
    "Aldermoor", "Brightwell", "Castellan", "Dovetail", "Eastmark", "Fernhill", "Gantry", "Harbourline", "Inkwell",
    "Juniper", "Kestrel", "Lodestar", "Marlowe", "Northgate", "Oakhurst", "Pemberton", "Quarry", "Redfern",
    "Stonebridge", "Thornbury", "Umberlane", "Vantage", "Westbrook", "Yarrow", "Zephyr",
)  # fmt: skip
KINDS = ("Logistics", "Foods", "Systems", "Health", "Energy", "Retail", "Finance", "Robotics", "Studios", "Freight")
CHANNELS = (("web_form", 46), ("demo_request", 22), ("webinar", 14), ("partner", 10), ("event", 8))
ICPS = (("mid_market", 52), ("enterprise", 22), ("small_business", 26))
WORTH = {"enterprise": (40_000, 180_000), "mid_market": (8_000, 45_000), "small_business": (900, 8_000)}
# How many arrive in each hour of a Berlin weekday, in parts of a hundred; the night is short but not empty.
HOURS = (1, 1, 0, 0, 0, 1, 2, 4, 7, 10, 11, 10, 7, 8, 9, 9, 7, 5, 3, 2, 1, 1, 1, 0)
WEEKDAYS = (1.25, 1.2, 1.0, 1.0, 0.8, 0.18, 0.16)
REASONS = (
    ("Owner in meetings", 34),
    ("Nobody at lunch", 20),
    ("Routed to the wrong region", 16),
    ("Arrived at closing time", 14),
    ("CRM was slow", 9),
    ("Owner away, backup not told", 7),
)
CANCEL_REASONS = ("Duplicate of another lead", "Spam", "A customer already", "Looks for a job")
WAITING_REASONS = (
    "Waits for the customer's calendar",
    "Waits for the security questionnaire",
    "Waits for a price list",
)


@dataclass(frozen=True, slots=True)
class Lead:
    """One thing that came in. `seconds` of business time pass until a person would answer it by themselves."""

    at: datetime
    subject: str
    reference: str
    channel: str
    icp: str
    amount: Decimal
    owner: str
    seconds: float


class Leads:
    """Makes leads from a seed; the same seed makes the same ones."""

    def __init__(self, random: Random, owners: tuple[str, ...]) -> None:
        self.random = random
        self.owners = owners
        self.number = 4100

    def of_day(self, day: datetime, mean: float) -> list[Lead]:
        """The leads of one Berlin day that begins at `day`, in order."""
        count = _poisson(self.random, mean * WEEKDAYS[day.weekday()])
        hours = self.random.choices(range(24), weights=HOURS, k=count)
        seconds = sorted(hour * 3600 + self.random.uniform(0, 3600) for hour in hours)
        return [self.make(datetime.fromtimestamp(day.timestamp() + second, BERLIN)) for second in seconds]

    def make(self, at: datetime, *, median: float = 540, spread: float = 1.05, prefix: str = "L") -> Lead:
        """One lead; an answer takes a lognormal time around `median` seconds."""
        self.number += 1
        icp = self.pick(ICPS)
        company = f"{self.random.choice(COMPANIES)} {self.random.choice(KINDS)}"
        return Lead(
            at=at,
            subject=company,
            reference=f"{prefix}-{self.number}",
            channel=self.pick(CHANNELS),
            icp=icp,
            amount=Decimal(round(self.random.uniform(*WORTH[icp]), -2)).quantize(Decimal("0.01")),
            owner=self.random.choice(self.owners),
            seconds=self.random.lognormvariate(math.log(median), spread),
        )

    def pick(self, weighted: tuple[tuple[str, int], ...]) -> str:
        return self.random.choices([word for word, _ in weighted], weights=[weight for _, weight in weighted])[0]

    def happens(self, probability: float) -> bool:
        return self.random.random() < probability


def _poisson(random: Random, mean: float) -> int:
    """Knuth's method; `mean` is small here."""
    limit, product, count = math.exp(-mean), random.random(), 0
    while product > limit:
        product *= random.random()
        count += 1
    return count
