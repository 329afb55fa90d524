"""/api/v1/approvals/: read-only. Nothing here decides: an approval needs a person's session."""

from typing import Any, cast

from django.db.models import QuerySet
from rest_framework import serializers as drf

from opsportal.api import serializers
from opsportal.api.serializers import DateTimeField
from opsportal.api.viewsets import ResourceViewSet
from opsportal.approvals.models import Approval
from opsportal.approvals.queries import list_approvals
from opsportal.approvals.states import Risk, State
from opsportal.audit.api import SubjectSerializer


class ApprovalSerializer(serializers.Serializer):
    """What was asked for and what became of it. `content` is exactly what may be done, `content_hash` its SHA-256."""

    id = drf.UUIDField()
    kind = drf.CharField()
    subject = SubjectSerializer()
    team = drf.CharField(allow_null=True)
    title = drf.CharField()
    consequence = drf.CharField()
    content = drf.JSONField()
    content_hash = drf.CharField()
    risk = drf.ChoiceField(choices=[str(risk) for risk in Risk])
    reason = drf.CharField()
    requested_by = drf.CharField()
    requested_at = DateTimeField()
    expires_at = DateTimeField()
    state = drf.ChoiceField(choices=[str(state) for state in State])
    decided_by = drf.CharField(allow_null=True)
    decided_at = DateTimeField(allow_null=True)
    decision_reason = drf.CharField()
    closed_at = DateTimeField(allow_null=True)
    closing_reason = drf.CharField()
    trace_id = drf.CharField()

    def to_representation(self, approval: Approval) -> dict[str, Any]:
        now, instants = self.context["view"].now, DateTimeField()
        shown: dict[str, Any] = {name: getattr(approval, name) for name in PLAIN}
        for name in ("requested_at", "expires_at", "decided_at", "closed_at"):
            at = getattr(approval, name)
            shown[name] = instants.to_representation(at) if at else None
        return shown | {
            "id": str(approval.pk),
            "subject": {
                "type": approval.subject_type,
                "id": approval.subject_id,
                "label": approval.subject_label,
            },
            "team": approval.team.slug if approval.team else None,
            "content": approval.shown,
            "requested_by": approval.requested_by.username,
            "decided_by": approval.decided_by.username if approval.decided_by else None,
            "state": approval.state_at(now),
        }


PLAIN = (
    "kind",
    "title",
    "consequence",
    "content_hash",
    "risk",
    "reason",
    "decision_reason",
    "closing_reason",
    "trace_id",
)


class ApprovalViewSet(ResourceViewSet):
    """Requests that a second person decides, newest first."""

    queryset = Approval.objects.all()
    serializer_class = ApprovalSerializer
    read_scope = "governance:read"
    filter_fields = {
        "kind": "kind",
        "risk": "risk",
        "subject_type": "subject_type",
        "subject_id": "subject_id",
        "requested_by": "requested_by__username",
        "decided_by": "decided_by__username",
        "team": "team__slug",
    }
    query_fields = {"list": {"state": drf.ChoiceField(choices=[str(state) for state in State], required=False)}}
    ordering_fields = ("requested_at", "expires_at")
    search_fields = ("title", "subject_label")
    default_ordering = "-requested_at"

    def get_queryset(self) -> QuerySet[Approval]:
        return list_approvals(self.principal)  # type: ignore[arg-type]

    def narrowed(self, queryset: Any) -> QuerySet[Approval]:
        found: Any = super().narrowed(queryset)
        if state := self.query.get("state"):
            found = found.in_state(State(state), self.now)
        return cast("QuerySet[Approval]", found)


routes = [("approvals", ApprovalViewSet, "approval")]
