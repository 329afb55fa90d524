"""What the tools cost: a line from a day on, ended when the price changes."""

from datetime import date, datetime
from decimal import Decimal

from django.db import IntegrityError, transaction

from opsportal.audit.engine import Actor, Draft, Subject
from opsportal.audit.operations import record
from opsportal.catalog.models import Automation, CostLine
from opsportal.catalog.operations.checking import CURRENCY
from opsportal.errors import Conflict, InvalidInput, InvalidInputs


def add_cost_line(
    *,
    tool: str,
    amount: Decimal,
    from_date: date,
    actor: Actor,
    now: datetime,
    note: str = "",
    currency: str = "USD",
    automation: Automation | None = None,
) -> CostLine:
    """Note what a tool costs a month from a day on; the line before it of the same tool and purpose ends that day."""
    rules = [
        (0 < len(tool.strip()) <= 80, "tool", "A tool has a name of at most 80 characters."),
        (len(note) <= 240, "note", "At most 240 characters."),
        (amount.is_finite() and 0 <= amount < 10**10, "amount", "An amount of money, not below zero."),
        (bool(CURRENCY.match(currency)), "currency", "Three letters, such as USD or EUR."),
    ]
    errors = [InvalidInput("invalid", message, field=name) for holds, name, message in rules if not holds]
    if errors:
        raise InvalidInputs(errors)
    line = CostLine(tool=tool, note=note, amount=amount, currency=currency, from_date=from_date, created_at=now)
    line.automation = automation
    try:
        with transaction.atomic():
            same = CostLine.objects.filter(tool=tool, note=note, until_date=None, from_date__lt=from_date)
            same.update(until_date=from_date)
            line.save()
            _note(line, "cost.noted", actor, now)
    except IntegrityError as error:
        raise Conflict("cost_taken", "A price of that day is noted already.", field="from_date") from error
    return line


@transaction.atomic
def end_cost_line(line: CostLine, *, until_date: date, actor: Actor, now: datetime) -> CostLine:
    """The tool is no longer paid for from that day on."""
    fresh = CostLine.objects.select_for_update(of=["self"]).get(pk=line.pk)
    if until_date <= fresh.from_date:
        raise InvalidInput("invalid", "It ends after it began.", field="until_date")
    fresh.until_date = until_date
    fresh.save()
    _note(fresh, "cost.ended", actor, now)
    return fresh


def _note(line: CostLine, action: str, actor: Actor, now: datetime) -> None:
    extra = {"amount": f"{line.amount:.2f} {line.currency}", "from": str(line.from_date), "until": str(line.until_date)}
    subject = Subject("cost", str(line.pk), f"{line.tool} {line.note}".strip()[:200])
    record(Draft(actor=actor, action=action, subject=subject, at=now, extra=extra))
