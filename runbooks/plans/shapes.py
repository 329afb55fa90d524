"""Bodies of the plans' API, in and out."""

from dataclasses import asdict
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers as drf

from opsportal.api.serializers import DateTimeField, ModelSerializer, Serializer
from opsportal.identity.actors import actor_of
from runbooks.models import ReplayPlan, ShadowSend
from runbooks.models.targets import MOST_PER_MINUTE
from runbooks.plans import freezing, queries, rendering
from runbooks.plans.engine.transform import MOST_STEPS
from runbooks.plans.selection import BOUNDS, MOST_NAMED
from runbooks.states import ItemState


def words(longest: int) -> drf.CharField:
    return drf.CharField(max_length=longest, required=False)


class PlanSelectionSerializer(Serializer):
    """Which payloads of the target: `items` by their ids, or what the queue is filtered by, stored within `from` and
    `to`, failed within `failed_from` and `failed_to`. Without any: everything that waits. What is over or on its way
    is left out.
    """

    items = drf.ListField(child=drf.UUIDField(), max_length=MOST_NAMED, required=False)
    automation = words(60)
    error_type = words(120)
    record_key = words(200)
    correlation_id = words(64)
    state = drf.ChoiceField(choices=[ItemState.HELD, ItemState.DEAD, ItemState.IN_DOUBT], required=False)

    def get_fields(self) -> dict[str, Any]:
        window = {name: DateTimeField(required=False) for name in BOUNDS}
        return {**super().get_fields(), **window, "source": words(60)}  # words of Python and of the base class


class PlanStepSerializer(Serializer):
    """One step of a field map. A field is a path, lead.email or /lead/email. rename and copy take `to`, set takes
    `value`.
    """

    op = drf.ChoiceField(choices=["set", "rename", "remove", "copy"])
    to = words(200)
    value = drf.JSONField(required=False, allow_null=True)

    def get_fields(self) -> dict[str, Any]:
        return {**super().get_fields(), "field": drf.CharField(max_length=200)}


class PlanAboutSerializer(Serializer):
    """What the plan is for, such as an incident."""

    type = drf.CharField(max_length=40)
    id = drf.CharField(max_length=150)


class ChangePlanSerializer(Serializer):
    reason = drf.CharField(max_length=500, required=False)
    selection = PlanSelectionSerializer(required=False)
    transform = drf.ListField(child=PlanStepSerializer(), max_length=MOST_STEPS, required=False)
    rate_per_minute = drf.IntegerField(min_value=1, max_value=MOST_PER_MINUTE, required=False, allow_null=True)
    canary_count = drf.IntegerField(min_value=0, max_value=freezing.MOST, required=False)
    abort_ratio = drf.DecimalField(max_digits=4, decimal_places=3, min_value=0, max_value=1, required=False)


class NewPlanSerializer(ChangePlanSerializer):
    """A plan is frozen and looked through at once, unless `dry_run` is false: then it is a draft. Nothing is sent
    before it is started; with `shadow` a sample goes to the target's shadow address.
    """

    target = drf.CharField(max_length=60)
    reason = drf.CharField(max_length=500)
    about = PlanAboutSerializer(required=False)
    dry_run = drf.BooleanField(required=False)
    shadow = drf.BooleanField(required=False)


class PlanProgressSerializer(Serializer):
    """What became of the payloads so far."""

    total = drf.IntegerField(read_only=True)
    to_go = drf.IntegerField(read_only=True, help_text="Not let go yet.")
    moving = drf.IntegerField(read_only=True, help_text="Let go and on their way.")
    blocked = drf.IntegerField(read_only=True, help_text="Let go, behind a payload that waits for a person.")
    delivered = drf.IntegerField(read_only=True)
    dead = drf.IntegerField(read_only=True)
    in_doubt = drf.IntegerField(read_only=True)
    put_back = drf.IntegerField(read_only=True, help_text="Let go and refused by ourselves.")
    decided = drf.IntegerField(read_only=True, help_text="Sent or decided by others before their turn.")


class PlanReportSerializer(Serializer):
    """selected = delivered + already_delivered + by_person + dead + in_doubt + discarded + waiting. `attempts` are the
    plan's requests, `accepted` those the target took or had already, `doubled` what it took more than once.
    """

    selected = drf.IntegerField(read_only=True)
    delivered = drf.IntegerField(read_only=True)
    already_delivered = drf.IntegerField(read_only=True)
    by_person = drf.IntegerField(read_only=True)
    dead = drf.IntegerField(read_only=True)
    in_doubt = drf.IntegerField(read_only=True)
    discarded = drf.IntegerField(read_only=True)
    waiting = drf.IntegerField(read_only=True)
    doubled = drf.IntegerField(read_only=True)
    attempts = drf.IntegerField(read_only=True)
    accepted = drf.IntegerField(read_only=True)
    left_out = drf.DictField(child=drf.IntegerField(), read_only=True)
    sentence = drf.CharField(read_only=True)


class PlanSerializer(ModelSerializer):
    """A plan. `count` payloads of `keys` records were frozen; `left_out` counts by state what was selected and not."""

    id = drf.CharField(read_only=True)
    target = drf.SlugRelatedField(slug_field="slug", read_only=True)  # type: ignore[var-annotated]
    requested_by = drf.CharField(source="requester_label", read_only=True)
    count = drf.IntegerField(source="item_count", read_only=True)
    keys = drf.IntegerField(source="key_count", read_only=True)
    left_out = drf.DictField(child=drf.IntegerField(), read_only=True)
    selection = drf.DictField(read_only=True)
    transform = drf.ListField(child=drf.DictField(), read_only=True)
    rate_per_minute = drf.IntegerField(source="effective_rate", read_only=True)
    approval = drf.CharField(source="approval_id", read_only=True, allow_null=True)
    duration_seconds = drf.SerializerMethodField()

    class Meta:
        model = ReplayPlan
        fields = [
            "id", "target", "state", "note", "reason", "selection", "transform", "rate_per_minute", "canary_count",
            "abort_ratio", "count", "keys", "left_out", "is_critical", "content_hash", "duration_seconds",
            "requested_by", "approval", "about_type", "about_id", "trace_id", "created_at", "frozen_at", "started_at",
            "canary_passed_at", "finished_at",
        ]  # fmt: skip

    def get_duration_seconds(self, plan: ReplayPlan) -> float:
        return queries.duration_of(plan).total_seconds()


class ShadowSendSerializer(ModelSerializer):
    """One payload of the sample. `outcome` in words; `status` where there was an answer, which is masked and bounded.
    Without `finished_at` it is on its way, or was cut off.
    """

    item = drf.CharField(source="item_id", read_only=True)
    taken = drf.BooleanField(source="is_taken", read_only=True)

    class Meta:
        model = ShadowSend
        fields = [
            "position", "item", "webhook_id", "taken", "outcome", "status", "answer", "duration_ms", "sent_at",
            "finished_at",
        ]  # fmt: skip


class WholePlanSerializer(PlanSerializer):
    """The same with how far it has come, whether starting it asks a second person first, and what the target's shadow
    did with a sample.
    """

    progress = drf.SerializerMethodField()
    needs_second_person = drf.SerializerMethodField()
    shadow = drf.SerializerMethodField()

    class Meta:
        model = ReplayPlan
        fields = [*PlanSerializer.Meta.fields, "needs_second_person", "progress", "shadow"]

    @extend_schema_field(ShadowSendSerializer(many=True))
    def get_shadow(self, plan: ReplayPlan) -> Any:
        return ShadowSendSerializer(queries.list_shadow(plan, self.context["view"].principal), many=True).data

    @extend_schema_field(PlanProgressSerializer)
    def get_progress(self, plan: ReplayPlan) -> Any:
        return PlanProgressSerializer(queries.progress_of(plan)).data

    def get_needs_second_person(self, plan: ReplayPlan) -> bool:
        view = self.context["view"]
        return queries.needs_second_person(plan, actor_of(view.request).id, view.now)


class PlanItemSerializer(Serializer):
    """One payload as it was frozen, and where it stands. What has a `finding` is not sent; `behind`: it waits behind a
    payload of its record that a person decides.
    """

    position = drf.IntegerField(read_only=True)
    item = drf.CharField(source="item_id", read_only=True)
    record_key = drf.CharField(source="item.record_key", read_only=True)
    webhook_id = drf.CharField(read_only=True)
    sha256 = drf.CharField(read_only=True)
    sent_sha256 = drf.CharField(read_only=True, help_text="Of the transformed body; empty where it goes as it is.")
    finding = drf.CharField(read_only=True)
    behind = drf.BooleanField(source="is_behind", read_only=True)
    canary = drf.BooleanField(source="is_canary", read_only=True)
    overtaken = drf.BooleanField(source="is_overtaken", read_only=True)
    state = drf.ChoiceField(source="item.state", choices=[one.value for one in ItemState], read_only=True)
    let_go_at = DateTimeField(read_only=True, allow_null=True)


class FieldChangeSerializer(Serializer):
    path = drf.CharField(read_only=True)
    before = drf.CharField(read_only=True, allow_null=True)
    after = drf.CharField(read_only=True, allow_null=True)


class PlanRequestSerializer(PlanItemSerializer):
    """The same with the exact request, secrets hidden and people masked, and what differs from what came in. Without
    `url` it is not sent.
    """

    method = drf.CharField(default="POST", read_only=True)
    url = drf.CharField(read_only=True)
    headers = drf.DictField(child=drf.CharField(), read_only=True)
    body = drf.JSONField(read_only=True)
    changes = FieldChangeSerializer(many=True, read_only=True)
    sentence = drf.CharField(read_only=True)


class PlanReasonSerializer(Serializer):
    reason = drf.CharField(max_length=300)


class PlanNoteSerializer(Serializer):
    reason = drf.CharField(max_length=300, required=False, allow_blank=True)


class DryRunSerializer(PlanNoteSerializer):
    """`shadow`: a sample of what is frozen goes to the target's shadow address."""

    shadow = drf.BooleanField(required=False)


class _RenderedList(drf.ListSerializer[Any]):
    """Reads the bodies of a page at once."""

    def to_representation(self, data: Any) -> Any:
        now = self.context["view"].now
        return [_shown(one) for one in rendering.render_rows(data, now)]


class RenderedPlanItemSerializer(PlanRequestSerializer):
    class Meta:
        list_serializer_class = _RenderedList


def _shown(one: rendering.Rendered) -> dict[str, Any]:
    shown: dict[str, Any] = PlanItemSerializer(one.row).data
    changes = [asdict(each) for each in one.changes]
    made = {"method": "POST", "url": one.url, "headers": dict(one.headers), "body": one.body, "changes": changes}
    return {**shown, **made, "sentence": one.sentence}
