"""What /api/v1/calendars/ takes and answers. The content of a calendar is checked by the engine, fault by fault."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers as drf

from opsportal.api import serializers
from opsportal.api.serializers import DateTimeField
from opsportal.calendars import sentences
from opsportal.calendars.engine.definition import DAYS, MAX_CLOSURES, MAX_OVERRIDES, MAX_TEXT, MAX_WINDOWS
from opsportal.calendars.engine.explanation import Explanation, Stretch
from opsportal.calendars.models import Calendar, CalendarVersion
from opsportal.web import words

TIME = r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"
TEXT = {"type": "string", "maxLength": MAX_TEXT}
WINDOWS: dict[str, Any] = {
    "type": "array",
    "maxItems": MAX_WINDOWS,
    "items": {"type": "array", "minItems": 2, "maxItems": 2, "items": {"type": "string", "pattern": TIME}},
    "description": "Pairs of local times. An end before its start runs past midnight into the next weekday.",
}


@extend_schema_field({"type": "object", "properties": dict.fromkeys(DAYS, WINDOWS), "additionalProperties": False})
class WeeklyField(drf.JSONField):
    """{"mon": [["09:00", "17:00"]], …}; a day that is not named is closed."""


@extend_schema_field({"type": "object", "maxProperties": MAX_OVERRIDES, "additionalProperties": WINDOWS})
class OverridesField(drf.JSONField):
    """{"2026-12-25": []}: replaces the weekly windows of that date."""


@extend_schema_field({"type": "object", "maxProperties": MAX_OVERRIDES, "additionalProperties": TEXT})
class NamesField(drf.JSONField):
    """{"2026-12-25": "Christmas Day"}: what a date with an override is called."""


@extend_schema_field(
    {
        "type": "array",
        "maxItems": MAX_CLOSURES,
        "items": {
            "type": "object",
            "required": ["from", "until"],
            "additionalProperties": False,
            "properties": {
                "from": {"type": "string", "format": "date-time"},
                "until": {"type": "string", "format": "date-time"},
                "reason": TEXT,
            },
        },
    }
)
class ClosuresField(drf.JSONField):
    """[{from, until, reason}]: nothing is open meanwhile."""


class ContentSerializer(serializers.Serializer):
    timezone = drf.CharField(max_length=64, help_text="A zone of the IANA database, such as Europe/Berlin.")
    weekly = WeeklyField()
    overrides = OverridesField(required=False)
    override_names = NamesField(required=False)
    closures = ClosuresField(required=False)
    note = drf.CharField(max_length=240, allow_blank=True, required=False, help_text="Why; kept with the version.")


class CalendarSerializer(ContentSerializer):
    """A calendar as its current version says it. `team` is a slug; null is everybody's.

    `version` guards a change: where it is sent and there is a newer one, the change is refused (409).
    """

    slug = drf.CharField(max_length=60)
    name = drf.CharField(max_length=120, required=False)
    team = drf.CharField(max_length=60, allow_null=True, required=False)
    version = drf.IntegerField(min_value=1, max_value=2**31 - 1, required=False)

    def to_representation(self, calendar: Any) -> dict[str, Any]:
        return represent(calendar, calendar.current_versions[0])


class RevisionSerializer(CalendarSerializer):
    """`adopt` lets open records count by the new version; without it they keep the one they began with."""

    slug = drf.CharField(max_length=60, required=False)
    adopt = drf.BooleanField(required=False)


class VersionSerializer(ContentSerializer):
    number = drf.IntegerField()
    created_at = DateTimeField()

    def to_representation(self, version: CalendarVersion) -> dict[str, Any]:
        made = {"number": version.number, "created_at": words.iso(version.created_at), "note": version.note}
        return {**made, **version.spelled}


class AdoptedSerializer(serializers.Serializer):
    version = drf.IntegerField()
    records = drf.IntegerField(help_text="How many open records count by this version now that did not before.")


class DueSerializer(serializers.Serializer):
    due_at = DateTimeField()
    version = drf.IntegerField()


class BetweenSerializer(serializers.Serializer):
    """Negative when `end` lies before `start`."""

    business_seconds = drf.IntegerField()
    business_minutes = drf.FloatField()
    version = drf.IntegerField()


class StretchSerializer(serializers.Serializer):
    """Part of one window of a local date. `offset` is seconds ahead of UTC, `total` counts from the start."""

    date = drf.DateField()
    window = drf.ListField(child=drf.CharField(), min_length=2, max_length=2)
    until = DateTimeField()
    seconds = drf.IntegerField()
    total = drf.IntegerField()
    offset = drf.IntegerField()

    def get_fields(self) -> dict[str, Any]:
        return {**super().get_fields(), "from": DateTimeField(source="since")}


class ExplanationSerializer(serializers.Serializer):
    """Why: every stretch that counted, and everything that was not as usual. Long spans are listed in part."""

    start = DateTimeField()
    end = DateTimeField()
    business_seconds = drf.IntegerField()
    timezone = drf.CharField()
    version = drf.IntegerField()
    tz_database = drf.CharField()
    complete = drf.BooleanField()
    sentences = drf.ListField(child=drf.CharField())
    stretches = StretchSerializer(many=True)


def represent(calendar: Calendar, version: CalendarVersion) -> dict[str, Any]:
    return {
        "slug": calendar.slug,
        "name": calendar.name,
        "team": calendar.team.slug if calendar.team else None,
        "version": version.number,
        "note": version.note,
        **version.spelled,
    }


def represent_explanation(explained: Explanation, version: int, tz_database: str) -> dict[str, Any]:
    return {
        "start": words.iso(explained.start),
        "end": words.iso(explained.end),
        "business_seconds": explained.seconds,
        "timezone": explained.timezone,
        "version": version,
        "tz_database": tz_database,
        "complete": explained.complete,
        "sentences": [sentences.verdict(explained), *sentences.reasons(explained)],
        "stretches": [_stretch(stretch) for stretch in explained.stretches],
    }


def _stretch(stretch: Stretch) -> dict[str, Any]:
    return {
        "date": stretch.date.isoformat(),
        "window": str(stretch.window).split("–"),
        "from": words.iso(stretch.since),
        "until": words.iso(stretch.until),
        "seconds": stretch.seconds,
        "total": stretch.total,
        "offset": stretch.offset,
    }
