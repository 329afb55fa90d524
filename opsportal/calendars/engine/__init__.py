"""The arithmetic of business time, pure: definitions, zones, segments, sums and explanations. No database here."""

from datetime import datetime

from opsportal.calendars.engine.business_time import BusinessTime
from opsportal.calendars.engine.definition import Closure, Definition, Window, parse, spell

__all__ = ["BusinessTime", "Closure", "Definition", "Window", "compile", "parse", "spell"]


def compile(definition: Definition, *, horizon: tuple[datetime, datetime] | None = None) -> BusinessTime:
    """Make a definition ready to calculate. `horizon` is computed at once; it grows by itself when asked beyond."""
    return BusinessTime(definition, horizon=horizon)
