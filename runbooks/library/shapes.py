"""How runbooks look in JSON."""

from typing import Any

from rest_framework import serializers as drf

from opsportal.api.serializers import DateTimeField, ModelSerializer, Serializer
from runbooks.library import queries
from runbooks.library.engine.markdown import MOST_CHARACTERS
from runbooks.models.library import (
    Runbook,
    RunbookDraw,
    RunbookLink,
    RunbookRevision,
    RunbookStep,
    RunbookValidation,
    StepReport,
)


class RunbookSerializer(ModelSerializer):
    """`revision` is the published one; null before there is one. `tier` is the strictest of its automations."""

    team = drf.SlugRelatedField[Any](slug_field="slug", read_only=True)
    derived_from = drf.SlugRelatedField[Any](slug_field="slug", read_only=True)
    revision = drf.IntegerField(source="published_number", read_only=True, allow_null=True)
    automations = drf.SerializerMethodField()
    rules = drf.SerializerMethodField()
    exceptions = drf.SerializerMethodField()
    tier = drf.SerializerMethodField()
    stale = drf.SerializerMethodField()
    open_reports = drf.IntegerField(read_only=True)

    class Meta:
        model = Runbook
        fields = [
            "slug", "title", "kind", "form", "path", "team", "tier", "automations", "rules", "exceptions", "revision",
            "published_at", "validated_at", "stale_at", "stale", "review_every_days", "open_reports", "derived_from",
            "derived_from_number", "retired_at", "created_at", "updated_at",
        ]  # fmt: skip
        read_only_fields = fields

    def _slugs(self, runbook: Runbook, kind: str) -> list[str]:
        return [link.slug for link in runbook.links.all() if link.kind == kind]

    def get_automations(self, runbook: Runbook) -> list[str]:
        return self._slugs(runbook, RunbookLink.Kind.AUTOMATION)

    def get_rules(self, runbook: Runbook) -> list[str]:
        return self._slugs(runbook, RunbookLink.Kind.RULE)

    def get_exceptions(self, runbook: Runbook) -> list[str]:
        return self._slugs(runbook, RunbookLink.Kind.EXCEPTION)

    def get_tier(self, runbook: Runbook) -> str:
        """P0, P1, P2, or empty."""
        return self.context.get("tiers", {}).get(runbook.pk) or queries.tiers_of([runbook])[runbook.pk]

    def get_stale(self, runbook: Runbook) -> bool:
        return runbook.is_stale(self.context["view"].now)


class RunbookStepSerializer(ModelSerializer):
    """`key` stays with a step over revisions; `changed_in` is the revision its words are from."""

    check = drf.CharField(source="check_text", read_only=True)
    action = drf.JSONField(read_only=True, allow_null=True)

    class Meta:
        model = RunbookStep
        fields = ["key", "section", "number", "title", "text", "line", "check", "action", "changed_in"]
        read_only_fields = fields


class RevisionSerializer(ModelSerializer):
    author = drf.CharField(source="written_by", read_only=True)
    published_by = drf.SlugRelatedField[Any](slug_field="username", read_only=True)

    class Meta:
        model = RunbookRevision
        fields = [
            "number", "state", "sha256", "author", "note", "created_at", "review_asked_at", "returned_reason",
            "published_by", "published_at", "tier",
        ]  # fmt: skip
        read_only_fields = fields


class FindingSerializer(Serializer):
    """What keeps a text from being published, or is worth knowing, at its line (from 1; 0: the whole)."""

    line = drf.IntegerField()
    code = drf.CharField()
    message = drf.CharField()
    is_error = drf.BooleanField()


class WholeRevisionSerializer(RevisionSerializer):
    """With its text, byte for byte, its steps, and what is wrong with it."""

    steps = RunbookStepSerializer(many=True, read_only=True)
    findings = drf.SerializerMethodField()

    class Meta(RevisionSerializer.Meta):
        fields = [*RevisionSerializer.Meta.fields, "text", "steps", "findings"]
        read_only_fields = fields

    def get_findings(self, revision: RunbookRevision) -> list[dict[str, Any]]:
        return findings_of(revision.text, self.context)


def findings_of(text: str, context: Any) -> list[dict[str, Any]]:
    from opsportal.identity.actors import principal_of
    from runbooks.library import naming
    from runbooks.library.engine import document

    found = naming.findings(document.read(text), principal_of(context["request"]))
    return list(FindingSerializer(found, many=True).data)


class NewRunbookSerializer(Serializer):
    slug = drf.CharField(max_length=80)
    text = drf.CharField(max_length=MOST_CHARACTERS, trim_whitespace=False)
    team = drf.CharField(max_length=60, required=False, allow_null=True)
    path = drf.CharField(max_length=300, required=False)
    note = drf.CharField(max_length=240, required=False, allow_blank=True)


class NewRevisionSerializer(Serializer):
    """`base` is the number of the revision this was written from: somebody else's later one is not written over."""

    text = drf.CharField(max_length=MOST_CHARACTERS, trim_whitespace=False)
    base = drf.IntegerField(min_value=1)
    note = drf.CharField(max_length=240, required=False, allow_blank=True)


class TextSerializer(Serializer):
    text = drf.CharField(max_length=MOST_CHARACTERS, trim_whitespace=False)


class PreviewSerializer(Serializer):
    """`html` is what a page would show: only listed elements and addresses."""

    title = drf.CharField()
    html = drf.CharField()
    findings = FindingSerializer(many=True)


class ReasonSerializer(Serializer):
    reason = drf.CharField(max_length=500, required=False, allow_blank=True)


class NewReportSerializer(Serializer):
    key = drf.CharField(max_length=80)
    words = drf.CharField(max_length=1000)


class ReportSerializer(ModelSerializer):
    revision = drf.IntegerField(source="revision.number", read_only=True)
    reported_by = drf.CharField(source="reported_label", read_only=True)
    resolved_by = drf.CharField(source="resolved_label", read_only=True)

    class Meta:
        model = StepReport
        fields = [
            "id", "revision", "key", "title", "words", "reported_by", "reported_at", "resolved_by", "resolved_at",
            "resolution",
        ]  # fmt: skip
        read_only_fields = fields


class AnswerSerializer(Serializer):
    resolution = drf.CharField(max_length=500)


class NewValidationSerializer(Serializer):
    how = drf.ChoiceField(choices=RunbookValidation.How.choices)
    holds = drf.BooleanField()
    note = drf.CharField(max_length=500, required=False, allow_blank=True)


class ValidationSerializer(ModelSerializer):
    revision = drf.IntegerField(source="revision.number", read_only=True)
    person = drf.CharField(source="person_label", read_only=True)

    class Meta:
        model = RunbookValidation
        fields = ["id", "revision", "how", "holds", "note", "person", "at"]
        read_only_fields = fields


class DrawSerializer(ModelSerializer):
    """`seed` and `candidates` are all the draw was made of: the least SHA-256 of `seed`, a line end and the slug."""

    runbook = drf.SlugRelatedField[Any](slug_field="slug", read_only=True)
    candidates = drf.ListField(child=drf.CharField(), read_only=True)
    validated_at = DateTimeField(source="validation.at", read_only=True, default=None)

    class Meta:
        model = RunbookDraw
        fields = ["month", "runbook", "seed", "candidates", "drawn_at", "validated_at"]
        read_only_fields = fields
