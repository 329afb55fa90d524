"""Bodies and answers of an automation itself."""

from typing import Any

from rest_framework import serializers as drf

from opsportal.api import serializers
from opsportal.api.serializers import DateTimeField
from opsportal.catalog import operations, queries
from opsportal.catalog.limits import LIMITS, MOST
from opsportal.catalog.models import Automation, Freeze, Maturity, Part, Pattern, Platform, Tier, Trigger
from opsportal.errors import InvalidInput, NotFound
from opsportal.identity import queries as identity
from opsportal.web import words

CHANGES = [str(change) for change in queries.Change]
TEXTS = ("criticality_notes", "what_it_does", "what_it_touches", "how_to_pause", "retry_notes", "fallback")
MAX_PEOPLE = 50


def reason(*, required: bool = False) -> drf.CharField:
    return drf.CharField(max_length=500, required=required, allow_blank=not required)


def text(max_length: int = 2000) -> drf.CharField:
    return drf.CharField(max_length=max_length, allow_blank=True, required=False)


def username() -> drf.CharField:
    return drf.CharField(max_length=150, allow_null=True, required=False)


def usernames() -> drf.ListField:
    return drf.ListField(child=drf.CharField(max_length=150), max_length=MAX_PEOPLE, required=False)


def money() -> drf.DecimalField:
    return drf.DecimalField(max_digits=12, decimal_places=2, min_value=0, allow_null=True, required=False)


class LinkSerializer(serializers.Serializer):
    """`kind` says what it leads to: a grafana dashboard, loki logs, the repository, the runbook …"""

    label = drf.CharField(max_length=80)  # type: ignore[assignment]
    url = drf.URLField(max_length=500)
    kind = drf.ChoiceField(choices=operations.LINK_KINDS, required=False)


class RaciSerializer(serializers.Serializer):
    """User names. Exactly one person is accountable; the whole RACI is set at once."""

    accountable = username()
    responsible = usernames()
    consulted = usernames()
    informed = usernames()


class LimitsSerializer(serializers.Serializer):
    """Caps of the tool and thresholds of alerts; a key that is left out is not watched."""

    def get_fields(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, limit in LIMITS.items():
            options: dict[str, Any] = {"required": False, "help_text": limit.meaning}
            ratio = drf.RegexField(r"^(?:0?\.[0-9]{1,12}|0|1(?:\.0{1,12})?)\Z", **options)
            found[key] = ratio if limit.ratio else drf.IntegerField(min_value=limit.least, max_value=MOST, **options)
        return found


class TierAgreementSerializer(serializers.Serializer):
    """Who agreed on the tier: one person of RevOps, one of sales leadership."""

    at = DateTimeField()
    revops = drf.CharField()
    sales = drf.CharField()
    reason = drf.CharField()


class PausedSerializer(serializers.Serializer):
    at = DateTimeField()
    by = drf.CharField()
    reason = drf.CharField()


class DegradedSerializer(serializers.Serializer):
    """What sales reads while it works worse than it should."""

    sentence = drf.CharField()
    since = DateTimeField()
    until = DateTimeField()
    by = drf.CharField()


class RhythmSerializer(serializers.Serializer):
    """What a workflow's schedule suggests as a heartbeat. `period_seconds` is the longest time between two starts."""

    kind = drf.ChoiceField(choices=["simple", "cron"])
    schedule = drf.CharField(allow_blank=True)
    timezone = drf.CharField(allow_blank=True, help_text="Empty where the workflow leaves it to its server.")
    period_seconds = drf.IntegerField()
    sentence = drf.CharField()


class FindingSerializer(serializers.Serializer):
    code = drf.CharField()
    tone = drf.CharField()
    sentence = drf.CharField()


class WorkflowSerializer(serializers.Serializer):
    """The imported workflow that it is, and what was found in its newest version."""

    name = drf.CharField()
    external_id = drf.CharField()
    imported_at = DateTimeField()
    rhythm = RhythmSerializer(allow_null=True)
    findings = FindingSerializer(many=True)


class AutomationSerializer(serializers.Serializer):
    """An automation. `team` is a slug, people are user names."""

    slug = drf.CharField(max_length=60)
    name = drf.CharField(max_length=120)
    team = drf.CharField(max_length=60, allow_null=True, required=False)
    tier = drf.ChoiceField(choices=Tier.values, required=False)
    platform = drf.ChoiceField(choices=Platform.values, required=False)
    owner = username()
    backup_owner = username()
    raci = RaciSerializer(required=False)
    trigger = drf.ChoiceField(choices=Trigger.values, allow_blank=True, required=False)
    pattern = drf.ChoiceField(choices=Pattern.values, allow_blank=True, required=False)
    maturity = drf.ChoiceField(choices=Maturity.values, allow_blank=True, required=False)
    journeys = drf.ListField(child=drf.CharField(max_length=80), max_length=20, required=False)
    criticality_notes = text()
    what_it_does = text()
    what_it_touches = text()
    how_to_pause = text()
    retry_notes = text()
    fallback = text()
    limits = LimitsSerializer(required=False)
    links = LinkSerializer(many=True, required=False)
    cost_per_month = money()
    cost_budget = money()
    currency = drf.RegexField(r"^[A-Z]{3}\Z", required=False)
    cost_owner = username()
    state = drf.CharField(read_only=True)
    tier_agreed = TierAgreementSerializer(read_only=True, allow_null=True)
    paused = PausedSerializer(read_only=True, allow_null=True)
    degraded = DegradedSerializer(read_only=True, allow_null=True)
    fallback_since = DateTimeField(read_only=True, allow_null=True)
    workflows = WorkflowSerializer(many=True, read_only=True)
    created_at = DateTimeField(read_only=True)
    updated_at = DateTimeField(read_only=True)

    def to_representation(self, automation: Automation) -> dict[str, Any]:
        return {
            **{name: getattr(automation, name) for name in ("slug", "name", "tier", "platform")},
            "team": automation.team.slug if automation.team else None,
            **{name: _name(getattr(automation, name)) for name in ("owner", "backup_owner", "cost_owner")},
            "raci": _raci(automation),
            **{name: getattr(automation, name) for name in ("trigger", "pattern", "maturity", "journeys", *TEXTS)},
            **{name: getattr(automation, name) for name in ("limits", "links", "currency", "state")},
            **{name: _money(getattr(automation, name)) for name in ("cost_per_month", "cost_budget")},
            **_standing(automation, self.context["view"].now),
            "workflows": _workflows(automation),
            "created_at": words.iso(automation.created_at),
            "updated_at": words.iso(automation.updated_at),
        }


def _standing(automation: Automation, now: Any) -> dict[str, Any]:
    """What is so at present: agreed, paused, degraded, on its fallback."""
    agreed = automation.tier_agreed_at and {
        "at": words.iso(automation.tier_agreed_at),
        "revops": _name(automation.tier_agreed_revops),
        "sales": _name(automation.tier_agreed_sales),
        "reason": automation.tier_reason,
    }
    paused = automation.paused_at and {
        "at": words.iso(automation.paused_at),
        "by": automation.paused_by,
        "reason": automation.pause_reason,
    }
    degraded = automation.degraded_at(now) and {
        "sentence": automation.degraded,
        "since": _iso(automation.degraded_since),
        "until": _iso(automation.degraded_until),
        "by": automation.degraded_by,
    }
    since = _iso(automation.fallback_since)
    standing = {"tier_agreed": agreed, "paused": paused, "degraded": degraded, "fallback_since": since}
    return {name: value or None for name, value in standing.items()}


def _workflows(automation: Automation) -> list[dict[str, Any]]:
    """One at most, so far."""
    workflow = getattr(automation, "workflow", None)
    if workflow is None:
        return []
    newest = next(iter(workflow.versions.all()), None)
    plain = {"name": workflow.name, "external_id": workflow.external_id, "imported_at": words.iso(workflow.imported_at)}
    findings = newest.findings if newest is not None else []
    return [{**plain, "rhythm": workflow.rhythm or None, "findings": findings}]


def _raci(automation: Automation) -> dict[str, Any]:
    """As shapes.raci_of, from rows that were read with the automation."""
    found: dict[str, Any] = {"accountable": _name(automation.accountable), **{part: [] for part in Part.values}}
    for each in automation.responsibilities.all():
        found[each.part].append(each.person.username)
    return found


def _name(person: Any) -> str | None:
    return person.username if person else None


def _iso(at: Any) -> str | None:
    return words.iso(at) if at else None


def _money(amount: Any) -> str | None:
    return None if amount is None else f"{amount:.2f}"


class AutomationPatchSerializer(AutomationSerializer):
    """Any of the fields but the slug; `change` and `reason` go to the gate and the trail."""

    slug = drf.CharField(read_only=True)
    change = drf.ChoiceField(choices=CHANGES, required=False)
    reason = reason()


class ActivationSerializer(serializers.Serializer):
    change = drf.ChoiceField(choices=CHANGES, required=False)
    reason = reason()


class FreezeSerializer(serializers.Serializer):
    """A freeze in force: `team` and `automation` are slugs, set according to `scope`."""

    id = drf.IntegerField()
    scope = drf.ChoiceField(choices=Freeze.Scope.values)
    team = drf.CharField(allow_null=True)
    automation = drf.CharField(allow_null=True)
    kind = drf.ChoiceField(choices=Freeze.Kind.values)
    until = DateTimeField()
    reason = drf.CharField()

    def get_fields(self) -> dict[str, Any]:
        return {"from": DateTimeField(source="from_at"), **super().get_fields()}

    def to_representation(self, freeze: Freeze) -> dict[str, Any]:
        return {
            "id": freeze.pk,
            "scope": freeze.scope,
            "team": freeze.team.slug if freeze.team else None,
            "automation": freeze.automation.slug if freeze.automation else None,
            "kind": freeze.kind,
            "from": words.iso(freeze.from_at),
            "until": words.iso(freeze.until),
            "reason": freeze.reason,
        }


class GateSerializer(serializers.Serializer):
    allowed = drf.BooleanField()
    reason = drf.CharField()
    freeze = FreezeSerializer(allow_null=True)


class ReadinessItemSerializer(serializers.Serializer):
    key = drf.CharField()
    ok = drf.BooleanField()
    asked = drf.BooleanField(help_text="Whether its tier demands it.")
    sentence = drf.CharField(help_text="What is missing; empty where nothing is.")


class ReadinessSerializer(serializers.Serializer):
    """`ready`: nothing its tier demands is missing. `missing`: keys of everything that is."""

    slug = drf.CharField()
    tier = drf.ChoiceField(choices=Tier.values)
    ready = drf.BooleanField()
    have = drf.IntegerField()
    of = drf.IntegerField()
    sentence = drf.CharField()
    missing = drf.ListField(child=drf.CharField())
    items = ReadinessItemSerializer(many=True)


def with_references(values: dict[str, Any]) -> dict[str, Any]:
    """Slug and user names become the team and the people; what does not exist is refused at its field."""
    for name in ("owner", "backup_owner", "cost_owner"):
        if values.get(name) is not None:
            values[name] = _find(identity.get_person, values[name], name)
    if values.get("team") is not None:
        values["team"] = _find(identity.get_team, values["team"], "team")
    if "raci" in values:
        values["raci"] = _people_of(values["raci"])
    if "links" in values:
        values["links"] = [dict(link) for link in values["links"]]
    if "limits" in values:
        values["limits"] = dict(values["limits"])
    return values


def _people_of(raci: dict[str, Any]) -> dict[str, Any]:
    accountable = raci.get("accountable")
    found: dict[str, Any] = {
        part: [_find(identity.get_person, name, "raci") for name in raci.get(part, ())] for part in Part.values
    }
    return {**found, "accountable": _find(identity.get_person, accountable, "raci") if accountable else None}


def _find(find: Any, key: str, field: str) -> Any:
    try:
        return find(key)
    except NotFound as error:
        raise InvalidInput(error.code, error.message, field=field) from error
