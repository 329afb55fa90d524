"""/api/v1/facts/: what is or was wrong, as this room reported it, and what came of it. Read only."""

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers as drf

from opsportal.api import routing
from opsportal.api.serializers import DateTimeField, Serializer
from opsportal.api.viewsets import ResourceViewSet
from opsportal.identity.actors import principal_of
from opsportal.web import words
from slos.alarms import queries
from slos.models import Fact
from slos.states import FactKind

TIMES = ("occurred_at", "ended_at", "noticed_at", "told_at", "claimed_at", "resolved_at")


class SloFactSerializer(Serializer):
    """Something is wrong from `occurred_at` to `ended_at` (null: it goes on). `automation`, `slo` and `heartbeat` are
    slugs; `data` is the evidence of its kind.
    """

    id = drf.IntegerField()
    kind = drf.ChoiceField(choices=[str(one) for one in FactKind])
    automation = drf.CharField(allow_null=True)
    slo = drf.CharField(allow_null=True)
    heartbeat = drf.CharField(allow_null=True)
    team = drf.CharField(allow_blank=True)
    sentence = drf.CharField()
    occurred_at = DateTimeField()
    ended_at = DateTimeField(allow_null=True)
    noticed_at = DateTimeField(help_text="When a sweep of the portal saw it.")
    told_at = DateTimeField(allow_null=True, help_text="When its owner was told, because nobody had claimed it.")
    claimed_at = DateTimeField(allow_null=True)
    claimed_by = drf.CharField(allow_blank=True)
    resolved_at = DateTimeField(allow_null=True)
    resolution = drf.CharField(allow_blank=True)
    trace_id = drf.CharField(allow_blank=True)

    def get_fields(self) -> dict[str, Any]:
        return {**super().get_fields(), "data": drf.DictField()}

    def to_representation(self, fact: Fact) -> dict[str, Any]:
        about = {name: getattr(fact, name) for name in ("automation", "slo", "heartbeat")}
        plain = ("kind", "team", "sentence", "claimed_by", "resolution", "trace_id")
        return {
            "id": fact.pk,
            **{name: getattr(fact, name) for name in plain},
            **{name: one.slug if one else None for name, one in about.items()},
            **{name: words.iso(at) if (at := getattr(fact, name)) else None for name in TIMES},
            "data": {name: value for name, value in fact.data.items() if name != "told"},
        }


class SloFactViewSet(ResourceViewSet):
    """What is wrong with automations, and was: outages, burns, stuck runs, unusual volume, drift."""

    queryset = Fact.objects.none()
    serializer_class = SloFactSerializer
    read_scope = write_scope = "slos:read"
    filter_fields = {
        "kind": "kind",
        "automation": "automation__slug",
        "slo": "slo__slug",
        "heartbeat": "heartbeat__slug",
        "team": "team",
        "going_on": ("ended_at__isnull", drf.BooleanField(required=False)),
        "from": ("occurred_at__gte", DateTimeField(required=False)),
        "to": ("occurred_at__lt", DateTimeField(required=False)),
    }
    ordering_fields = ("occurred_at", "noticed_at")
    search_fields = ("sentence",)
    default_ordering = "-occurred_at"
    http_method_names = ["get", "head", "options"]

    def get_queryset(self) -> QuerySet[Fact]:
        return queries.list_facts(principal_of(self.request))


routes: list[routing.Route] = [("facts", SloFactViewSet, "slo-fact")]
