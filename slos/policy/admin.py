"""Policies are edited here through the same operations as everywhere; decisions are only read."""

from typing import Any

from django.contrib import admin

from opsportal import clock
from opsportal.identity.actors import actor_of
from opsportal.web.admin import OperationAdmin, OperationForm, ReadOnlyAdmin
from slos.models import BudgetFreeze, Decision, Policy
from slos.policy import operations

FIELDS = ["slug", "name", "description", "scope", "team", "automation", "rules"]


class PolicyAdminForm(OperationForm):
    class Meta:
        model = Policy
        fields = FIELDS

    def write(self, values: dict[str, Any]) -> Policy:
        who: dict[str, Any] = {"actor": actor_of(self.request), "now": clock.now()}
        slug = values.pop("slug", "")
        terms = operations.Terms(**values)
        if self.instance.pk is None:
            return operations.create_policy(slug=slug, terms=terms, **who)
        return operations.change_policy(self.instance, terms=terms, **who)


@admin.register(Policy)
class PolicyAdmin(OperationAdmin):
    form = PolicyAdminForm
    list_display = ["name", "slug", "state", "version", "scope", "team", "automation"]
    list_filter = ["state", "scope"]
    list_select_related = ["team", "automation"]


@admin.register(Decision)
class DecisionAdmin(ReadOnlyAdmin):
    list_display = ["day", "verdict", "held", "rule", "automation", "slo", "sentence"]
    list_filter = ["verdict", "held", "rule"]
    list_select_related = ["automation", "slo"]
    date_hierarchy = "at"


@admin.register(BudgetFreeze)
class BudgetFreezeAdmin(ReadOnlyAdmin):
    list_display = ["freeze", "policy", "rule", "slo", "day", "ended_at"]
    list_select_related = ["freeze", "policy", "slo"]
