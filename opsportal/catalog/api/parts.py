"""Bodies and answers of what belongs to an automation: service, switches, releases, credentials, checklists."""

from typing import Any

from rest_framework import serializers as drf

from opsportal.api import serializers
from opsportal.api.serializers import DateTimeField, ModelSerializer
from opsportal.catalog.api.fields import CHANGES, reason
from opsportal.catalog.checklists import CHECKLISTS, ITEMS
from opsportal.catalog.models import Automation, Credential, Release, Switch, Tier
from opsportal.web import words

MAX_WATCH_HOURS = 720


class PauseSerializer(serializers.Serializer):
    reason = reason(required=True)


class ReasonSerializer(serializers.Serializer):
    reason = reason()


class TierProposalSerializer(serializers.Serializer):
    """A tier, proposed to the other side: RevOps to sales leadership or the other way round."""

    tier = drf.ChoiceField(choices=Tier.values)
    reason = reason(required=True)


class ProposedSerializer(serializers.Serializer):
    approval = drf.UUIDField()
    state = drf.CharField()
    expires_at = DateTimeField()


class DegradeSerializer(serializers.Serializer):
    sentence = drf.CharField(max_length=240)
    until = DateTimeField(help_text="At most seven days ahead.")
    reason = reason()


class FallbackSerializer(serializers.Serializer):
    on = drf.BooleanField()
    reason = reason()


class SwitchSerializer(ModelSerializer):
    """A feature flag. `gated`: switching it on is new behaviour and passes the gate. `drops_data_when`: on or off;
    two people switch it so, by a step of a runbook.
    """

    slug = drf.RegexField(r"^[a-z0-9][a-z0-9-]*\Z", max_length=60)
    gated = drf.BooleanField(required=False)
    is_on = drf.BooleanField(required=False)

    class Meta:
        model = Switch
        fields = ["slug", "label", "description", "gated", "drops_data_when", "is_on", "changed_at", "changed_by"]
        read_only_fields = ["changed_at", "changed_by"]


class FlipSerializer(serializers.Serializer):
    on = drf.BooleanField()
    change = drf.ChoiceField(choices=CHANGES, required=False)
    reason = reason()


class ReleaseSerializer(serializers.Serializer):
    """A version. With `planned_at` it is announced; otherwise it goes out now, or went out at `released_at`."""

    id = drf.IntegerField(read_only=True)
    version = drf.CharField(max_length=80)
    change = drf.ChoiceField(choices=CHANGES, required=False)
    risk = drf.ChoiceField(choices=Release.Risk.values, required=False)
    notes = drf.CharField(max_length=500, allow_blank=True, required=False)
    url = drf.URLField(max_length=500, allow_blank=True, required=False)
    planned_at = DateTimeField(required=False, allow_null=True)
    released_at = DateTimeField(required=False, allow_null=True)
    watch_hours = drf.IntegerField(
        min_value=0,
        max_value=MAX_WATCH_HOURS,
        required=False,
        write_only=True,
        help_text="How long it is watched; by tier when left out: 48, 24, 4.",
    )
    cancelled_at = DateTimeField(read_only=True, allow_null=True)
    watch_until = DateTimeField(read_only=True, allow_null=True)
    by = drf.CharField(read_only=True)
    passed_freeze = drf.BooleanField(read_only=True)

    def to_representation(self, release: Release) -> dict[str, Any]:
        instants = ("planned_at", "released_at", "cancelled_at", "watch_until")
        return {
            "id": release.pk,
            **{name: getattr(release, name) for name in ("version", "change", "risk", "notes", "url")},
            **{name: words.iso(at) if (at := getattr(release, name)) else None for name in instants},
            "by": release.by_label,
            "passed_freeze": release.passed_freeze,
        }


class CredentialSerializer(ModelSerializer):
    """A credential by reference: where it is kept, never what it is."""

    permissions = drf.CharField(max_length=500, allow_blank=True, required=False)
    is_too_broad = drf.BooleanField(required=False)

    class Meta:
        model = Credential
        fields = [
            "id",
            "name",
            "reference",
            "kind",
            "permissions",
            "is_too_broad",
            "reviewed_at",
            "expires_at",
            "retired_at",
            "created_at",
        ]
        read_only_fields = ["id", "retired_at", "created_at"]


class TickSerializer(serializers.Serializer):
    item = drf.ChoiceField(choices=sorted(ITEMS))
    done = drf.BooleanField()
    comment = drf.CharField(max_length=240, allow_blank=True, required=False)


class ChecklistItemSerializer(serializers.Serializer):
    key = drf.CharField()
    sentence = drf.CharField()
    done = drf.BooleanField()
    at = DateTimeField(allow_null=True)
    by = drf.CharField()
    comment = drf.CharField()


class ChecklistSerializer(serializers.Serializer):
    slug = drf.CharField()
    title = drf.CharField()
    items = ChecklistItemSerializer(many=True)


class ChecklistsSerializer(serializers.Serializer):
    results = ChecklistSerializer(many=True)


def checklists_data(automation: Automation) -> dict[str, Any]:
    ticks = {tick.item: tick for tick in automation.ticks.all()}

    def item_data(key: str, sentence: str) -> dict[str, Any]:
        tick = ticks.get(key)
        return {
            "key": key,
            "sentence": sentence,
            "done": tick is not None,
            "at": words.iso(tick.ticked_at) if tick else None,
            "by": tick.ticked_by if tick else "",
            "comment": tick.note if tick else "",
        }

    results = [
        {"slug": each.slug, "title": each.title, "items": [item_data(one.key, one.sentence) for one in each.items]}
        for each in CHECKLISTS
    ]
    return {"results": results}
