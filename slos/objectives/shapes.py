"""The bodies of /api/v1/slos/. Decimals are strings, durations seconds; the definition checks what it says."""

from typing import Any

from rest_framework import serializers as drf

from opsportal import clock
from opsportal.api.serializers import DateTimeField, Serializer
from opsportal.web import words
from slos.models import Exclusion, Slo, SloVersion
from slos.objectives import queries
from slos.objectives.document import to_document
from slos.objectives.formula import Line
from slos.states import SliKind, SliMethod, SloState

LENGTH: dict[str, Any] = {"min_value": 0, "max_value": 2**31 - 1, "allow_null": True, "required": False}


def text(limit: int, **kwargs: Any) -> drf.CharField:
    return drf.CharField(max_length=limit, **{"required": False, "allow_blank": True, **kwargs})


def decimal(**kwargs: Any) -> drf.DecimalField:
    """Read as it was written; how many decimals are allowed is the definition's business."""
    return drf.DecimalField(max_digits=None, decimal_places=None, **kwargs)


class SloWindowSerializer(Serializer):
    """`rolling` has days, `calendar` a unit; both are read in the zone."""

    kind = drf.ChoiceField(choices=["rolling", "calendar"])
    days = drf.IntegerField(**LENGTH)
    unit = drf.ChoiceField(choices=["week", "month", "quarter", "year"], required=False)
    timezone = drf.CharField(max_length=60, required=False)


class SloViolationSerializer(Serializer):
    """What is down: while a run takes longer; from the first of so many failures in a row until the next success."""

    max_run_seconds = drf.IntegerField(**LENGTH)
    consecutive_failures = drf.IntegerField(**LENGTH)


class SloPartSerializer(Serializer):
    slo = drf.CharField(max_length=80)
    weight = decimal(required=False)


class BurnAlertSerializer(Serializer):
    """Fires when the burn rate is reached over both windows."""

    burn = decimal()
    long_seconds = drf.IntegerField(min_value=60, max_value=2**31 - 1)
    short_seconds = drf.IntegerField(min_value=60, max_value=2**31 - 1)
    severity = drf.ChoiceField(choices=["page", "ticket"])


class SloSerializer(Serializer):
    """An objective. `automation`, `heartbeat`, `rule`, `team` and the parts are slugs; `burn_alerts` null: those that
    follow from window and target.
    """

    slug = drf.CharField(max_length=80)
    name = text(120)
    description = text(2000)
    automation = text(60, allow_null=True)
    heartbeat = text(100, allow_null=True)
    rule = text(60, allow_null=True)
    team = text(60, allow_null=True)
    kind = drf.ChoiceField(choices=[str(one) for one in SliKind])
    method = drf.ChoiceField(choices=[str(one) for one in SliMethod])
    target = decimal()
    window = SloWindowSerializer()
    threshold_seconds = drf.FloatField(required=False, allow_null=True)
    slice_seconds = drf.IntegerField(**LENGTH)
    slice_target = decimal(required=False, allow_null=True)
    violation = SloViolationSerializer(required=False)
    parts = SloPartSerializer(many=True, required=False)
    burn_alerts = BurnAlertSerializer(many=True, required=False, allow_null=True)
    state = drf.ChoiceField(choices=[str(one) for one in SloState], required=False)
    reason = text(240, write_only=True)
    version = drf.IntegerField(read_only=True)
    created_at = DateTimeField(read_only=True)
    updated_at = DateTimeField(read_only=True)

    def to_representation(self, slo: Slo) -> dict[str, Any]:
        times = {"created_at": words.iso(slo.created_at), "updated_at": words.iso(slo.updated_at)}
        return {**to_document(slo), **times}


class ChangeSloSerializer(SloSerializer):
    """Any of the fields but the slug; a nested one is replaced as a whole."""

    slug = drf.CharField(read_only=True)


class SloProposalSerializer(SloSerializer):
    """A new SLO, or what another definition of the one of that slug would change; or, with `state` and nothing else but
    a reason, that it is retired.
    """

    kind = drf.ChoiceField(choices=[str(one) for one in SliKind], required=False)
    method = drf.ChoiceField(choices=[str(one) for one in SliMethod], required=False)
    target = decimal(required=False)
    window = SloWindowSerializer(required=False)
    state = drf.ChoiceField(choices=[str(SloState.RETIRED)], required=False)


class SloProposedSerializer(Serializer):
    approval = drf.UUIDField()
    url = drf.CharField(help_text="Where a second person decides it.")


class SloReasonSerializer(Serializer):
    reason = text(240)


class NewExclusionSerializer(Serializer):
    """`scope` automation: every SLO of the automation."""

    until = DateTimeField()
    reason = drf.CharField(max_length=240)
    scope = drf.ChoiceField(choices=["slo", "automation"], required=False)

    def get_fields(self) -> dict[str, Any]:
        return {"from": DateTimeField(source="from_at"), **super().get_fields()}


class ExclusionSerializer(Serializer):
    """`state`: waiting (for a second person), planned, running, over, withdrawn. Only the middle three are left out."""

    id = drf.IntegerField()
    slo = drf.CharField(allow_null=True)
    automation = drf.CharField(allow_null=True)
    until = DateTimeField()
    reason = drf.CharField()
    author = drf.CharField(help_text="Who asked: a user name, or the name of a token.")
    state = drf.CharField()
    approved_at = DateTimeField(allow_null=True)
    approved_by = drf.CharField(allow_null=True)
    withdrawn_at = DateTimeField(allow_null=True)
    created_at = DateTimeField()

    def get_fields(self) -> dict[str, Any]:
        return {"from": DateTimeField(source="from_at"), **super().get_fields()}

    def to_representation(self, exclusion: Exclusion) -> dict[str, Any]:
        times = ("approved_at", "withdrawn_at", "created_at")
        return {
            "id": exclusion.pk,
            "slo": exclusion.slo.slug if exclusion.slo else None,
            "automation": exclusion.automation.slug if exclusion.automation else None,
            "from": words.iso(exclusion.from_at),
            "until": words.iso(exclusion.until),
            "reason": exclusion.reason,
            "author": exclusion.author.username if exclusion.author else exclusion.author_label,
            "state": queries.exclusion_state(exclusion, clock.now()),
            "approved_by": exclusion.approved_by.username if exclusion.approved_by else None,
            **{name: words.iso(at) if (at := getattr(exclusion, name)) else None for name in times},
        }


class SloVersionSerializer(Serializer):
    number = drf.IntegerField()
    author = drf.CharField(allow_null=True)
    reason = drf.CharField()
    definition = drf.DictField()

    def get_fields(self) -> dict[str, Any]:
        return {"from": DateTimeField(source="from_at"), **super().get_fields()}

    def to_representation(self, version: SloVersion) -> dict[str, Any]:
        return {
            "number": version.number,
            "from": words.iso(version.from_at),
            "author": version.author.username if version.author else None,
            "reason": version.reason,
            "definition": version.definition,
        }


class FormulaLineSerializer(Serializer):
    label = drf.CharField()  # type: ignore[assignment]
    formula = drf.CharField()
    inputs = drf.DictField(child=drf.CharField())
    result = drf.CharField()

    def to_representation(self, line: Line) -> dict[str, Any]:
        return {
            "label": line.label,
            "formula": line.formula,
            "inputs": dict(line.inputs),
            "result": line.result,
        }
