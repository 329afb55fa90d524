"""Cells as values: instants, amounts, whole numbers. What can be meant in two ways is refused and never guessed."""

import re
from datetime import UTC, datetime, tzinfo
from decimal import Decimal

from opsportal.errors import InvalidInput

DAY_FIRST, MONTH_FIRST, NOT_SAID = "day_first", "month_first", ""

MAX_LENGTH = 40  # of anything that is no text
DATE = re.compile(
    r"(\d{1,2})([/.-])(\d{1,2})\2(\d{4})(?:,?[ T]+(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?\s*([AaPp])?\.?(?:[Mm]\.?)?)?"
)
WITH_SIGN = re.compile(r"^(?:[$€£¥]|[A-Z]{3}\b)\s*|\s*(?:[$€£¥]|\b[A-Z]{3})$")
PLAIN = re.compile(r"-?\d{1,15}(?:\.\d{1,2})?")
ENGLISH = re.compile(r"-?\d{1,3}(?:,\d{3})+(?:\.\d{1,2})?")
GROUPS = "[ \u00a0\u202f']"
# 1.234 alone may be either; with cents, or with two points, it can only be the one.
OTHER = re.compile(
    rf"-?\d{{1,3}}(?:\.\d{{3}})+,\d{{1,2}}|-?\d{{1,3}}(?:\.\d{{3}}){{2,}}|-?\d{{1,3}}(?:{GROUPS}\d{{3}})+(?:[.,]\d{{1,2}})?|-?\d{{1,15}},\d{{1,2}}"
)


def instant(text: str, zone: tzinfo, order: str) -> datetime:
    """An instant in UTC; one without an offset is wall-clock time of `zone`. Raises InvalidInput."""
    if len(text) > MAX_LENGTH:
        raise InvalidInput("invalid", "This is no time.")
    found = DATE.fullmatch(text)
    local = _written_out(found, order) if found else _iso(text)
    try:
        return (local if local.tzinfo else local.replace(tzinfo=zone)).astimezone(UTC)
    except (OverflowError, ValueError):
        raise InvalidInput("overflow", "There is no such time in UTC.") from None


def amount(text: str) -> Decimal:
    """An amount of money with at most two decimals, in English or European writing, with or without its currency."""
    bare = WITH_SIGN.sub("", text) if len(text) <= MAX_LENGTH else ""
    if PLAIN.fullmatch(bare):
        number = bare
    elif ENGLISH.fullmatch(bare):
        number = bare.replace(",", "")
    elif OTHER.fullmatch(bare):
        number = re.sub(GROUPS, "", bare)
        if "," in number or number.count(".") > 1:
            number = number.replace(".", "").replace(",", ".")
    else:
        raise InvalidInput("invalid", "This is no amount. Write it like 1234.50.")
    value = Decimal(number)
    if abs(value) >= 10**12:
        raise InvalidInput("number_too_large", "This amount is too large.")
    return value


def whole(text: str, *, least: int, most: int) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and least <= int(text) <= most):
        raise InvalidInput("invalid", f"This is no whole number from {least:,} to {most:,}.")
    return int(text)


def order_of(cells: list[str]) -> str:
    """Whether these dates have the day or the month first; NOT_SAID where none of them tells."""
    orders = set()
    for cell in cells:
        found = DATE.fullmatch(cell) if len(cell) <= MAX_LENGTH else None
        if found and found[2] != ".":
            first, second = int(found[1]), int(found[3])
            orders |= {DAY_FIRST} if first > 12 else {MONTH_FIRST} if second > 12 else set()
    return orders.pop() if len(orders) == 1 else NOT_SAID


def _iso(text: str) -> datetime:
    text = text.replace("/", "-")
    try:
        found = datetime.fromisoformat(text.removesuffix(" UTC") + ("+00:00" if text.endswith(" UTC") else ""))
    except ValueError:
        raise InvalidInput("invalid", "This is no time. Write it like 2026-11-21 15:05.") from None
    if ":" not in text and "T" not in text:
        raise InvalidInput("no_time", "This is a day without a time of day.")
    return found


def _written_out(found: re.Match[str], order: str) -> datetime:
    """21/11/2026 15:05, 11/21/2026 3:05 PM, 21.11.2026 15:05."""
    first, mark, second, year, hour, minute, seconds, half = found.groups()
    if mark == ".":
        order = DAY_FIRST
    if hour is None:
        raise InvalidInput("no_time", "This is a day without a time of day.")
    if order == NOT_SAID:
        raise InvalidInput("ambiguous", "Say whether dates have the day or the month first.")
    day, month = (first, second) if order == DAY_FIRST else (second, first)
    hours = int(hour)
    if half:
        if not 1 <= hours <= 12:
            raise InvalidInput("invalid", "This is no time.")
        hours = hours % 12 + (12 if half.lower() == "p" else 0)
    try:
        return datetime(int(year), int(month), int(day), hours, int(minute), int(seconds or 0))  # noqa: DTZ001
    except ValueError:
        raise InvalidInput("invalid", "There is no such day or time.") from None
