"""/api/v1/audit/: the trail, and the head of its chain. Nothing here writes."""

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers as drf
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from opsportal import trace
from opsportal.api import serializers
from opsportal.api.serializers import DateTimeField
from opsportal.api.viewsets import ResourceViewSet
from opsportal.audit import queries, sentences
from opsportal.audit.models import Entry
from opsportal.audit.verifier import ZERO


class ActorSerializer(serializers.Serializer):
    kind = drf.CharField()
    id = drf.CharField()
    label = drf.CharField()  # type: ignore[assignment]


class SubjectSerializer(serializers.Serializer):
    type = drf.CharField()
    id = drf.CharField()
    label = drf.CharField()  # type: ignore[assignment]


class EntrySerializer(serializers.Serializer):
    """One action. `commitment` (hex) is SHA-256(salt || detail); after an erasure the labels and values are gone."""

    id = drf.IntegerField()
    at = DateTimeField()
    occurred_at = DateTimeField(allow_null=True)
    action = drf.CharField()
    sentence = drf.CharField()
    actor = ActorSerializer()
    subject = SubjectSerializer()
    team = drf.CharField()
    rule = drf.CharField()
    source = drf.ChoiceField(choices=list(trace.SOURCES))  # type: ignore[assignment]
    trace_id = drf.CharField()
    reason = drf.CharField()
    before = drf.DictField()
    after = drf.DictField()
    extra = drf.DictField()
    erased = drf.BooleanField()
    commitment = drf.CharField()

    def to_representation(self, entry: Entry) -> dict[str, Any]:
        return entry_shape(entry)


class HeadSerializer(serializers.Serializer):
    """The newest seal (`number` 0 before the first). `problem` is what the last verification found, or empty."""

    number = drf.IntegerField()
    hash = drf.CharField()
    sealed_at = DateTimeField(allow_null=True)
    waiting = drf.IntegerField()
    verified_at = DateTimeField(allow_null=True)
    problem = drf.CharField()


class AuditViewSet(ResourceViewSet):
    """The audit trail, newest first: who did what to which record, from where, why, and what changed."""

    queryset = Entry.objects.all()
    serializer_class = EntrySerializer
    read_scope = "audit:read"
    filter_fields = {
        "actor": "actor_id",
        "actor_kind": "actor_kind",
        "action": "action",
        "subject_type": "subject_type",
        "subject_id": "subject_id",
        "team": "team",
        "trace_id": "trace_id",
        "rule": "rule",
        "source": "source",
        "from": ("at__gte", DateTimeField(required=False)),
        "to": ("at__lt", DateTimeField(required=False)),
    }
    ordering_fields = ("id", "at")
    search_fields = ("action",)
    default_ordering = "-id"
    response_serializers = {"head": HeadSerializer}

    def get_queryset(self) -> QuerySet[Entry]:
        return queries.visible_entries(queries.visible_teams(self.principal))

    def narrowed(self, queryset: QuerySet[Entry]) -> QuerySet[Entry]:
        """`q` finds keys everywhere, and text in the newest entries (queries.search)."""
        text = self.query.pop("q", "")
        queryset = super().narrowed(queryset)
        return queries.search(queryset, text) if text else queryset

    @action(detail=False, methods=["get"])
    def head(self, request: Request) -> Response:
        status = queries.chain_status(self.now)
        head, checked = status.head, status.verification
        return Response(
            HeadSerializer(
                {
                    "number": head.number if head else 0,
                    "hash": head.hash if head else ZERO,
                    "sealed_at": head.sealed_at if head else None,
                    "waiting": status.waiting,
                    "verified_at": checked.finished_at if checked else None,
                    "problem": checked.problem if checked else "",
                }
            ).data
        )


def entry_shape(entry: Entry) -> dict[str, Any]:
    """An entry as the API tells it, also in timelines of other rooms."""
    detail = sentences.detail_of(entry)
    instants = DateTimeField()
    return {
        "id": entry.pk,
        "at": instants.to_representation(entry.at),
        "occurred_at": detail.get("occurred_at"),
        "action": entry.action,
        "sentence": sentences.sentence(entry),
        "actor": {"kind": entry.actor_kind, "id": entry.actor_id, "label": sentences.actor_label(entry)},
        "subject": {"type": entry.subject_type, "id": entry.subject_id, "label": sentences.subject_label(entry)},
        "team": entry.team,
        "rule": entry.rule,
        "source": entry.source,
        "trace_id": entry.trace_id,
        "reason": detail.get("reason", ""),
        "before": detail.get("before", {}),
        "after": detail.get("after", {}),
        "extra": detail.get("extra", {}),
        "erased": sentences.is_erased(entry),
        "commitment": bytes(entry.commitment).hex(),
    }


routes = [("audit", AuditViewSet, "audit")]
