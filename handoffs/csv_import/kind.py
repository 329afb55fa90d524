"""Handoffs as a kind of file that opsportal.imports can bring in."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.urls import reverse

from handoffs.csv_import.fields import FIELDS
from handoffs.csv_import.reading import Directory, RowReader
from handoffs.csv_import.undoing import look_back, remove
from handoffs.csv_import.writing import HandoffReader
from handoffs.models import Rule, RuleQuerySet
from handoffs.queries import list_rules
from opsportal.errors import InvalidInput
from opsportal.identity.actors import Principal
from opsportal.identity.roles import CONFIGURE_HANDOFFS
from opsportal.imports.forms import OptionsForm
from opsportal.imports.registry import Kind

HISTORICAL, LIVE = "historical", "live"
MODES = {
    HISTORICAL: "as history: judged, and nobody is told",
    LIVE: "live: timers run, and what is due already acts at once",
}


class HandoffOptions(OptionsForm):
    rule = forms.ModelChoiceField(queryset=Rule.objects.none(), to_field_name="slug", empty_label="Choose a rule")
    mode = forms.ChoiceField(label="Bring them in", choices=list(MODES.items()), initial=HISTORICAL)

    field_order = ("rule", "mode", "timezone", "dates")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rules = rules_for(self.principal)
        self.fields["rule"].queryset = rules  # type: ignore[attr-defined]
        if not self.initial.get("rule") and len(only := list(rules[:2])) == 1:
            self.initial["rule"] = only[0].slug
        if not may_go_live(self.principal):
            self.fields["mode"].choices = [(HISTORICAL, MODES[HISTORICAL])]  # type: ignore[attr-defined]
            self.fields["mode"].help_text = "An ops lead may bring them in live."

    def options(self) -> dict[str, Any]:
        given = super().options()
        return {**given, "rule": given["rule"].slug, "live": given.pop("mode") == LIVE}

    @staticmethod
    def initial_of(options: Mapping[str, Any]) -> dict[str, Any]:
        return {**options, "mode": LIVE if options.get("live") else HISTORICAL}


def rules_for(principal: Principal | None) -> RuleQuerySet:
    """Rules under which somebody may import; the console (None) under every one at work."""
    if principal is None:
        return Rule.objects.at_work().select_related("team", "current__calendar")
    return list_rules(principal).at_work()


def may_go_live(principal: Principal | None) -> bool:
    return principal is None or principal.allows(CONFIGURE_HANDOFFS)


def open_reader(options: Mapping[str, Any], principal: Principal | None, now: datetime) -> HandoffReader:
    """Raises InvalidInput at `rule`."""
    slug = str(options.get("rule", ""))
    rule = rules_for(principal).filter(slug=slug).first() if "\x00" not in slug else None
    if rule is None:
        raise InvalidInput("unknown_rule", f"There is no rule “{slug[:60]}” at work.", field="rule")
    rows = RowReader(
        rule=rule,
        live=bool(options.get("live")),
        zone=ZoneInfo(options["timezone"]),
        dates=options["dates"],
        now=now,
        directory=Directory.of_everybody(),
    )
    return HandoffReader(rows)


KIND = Kind(
    name="handoffs",
    nouns=("handoff", "handoffs"),
    namespace="handoffs",
    scope="handoffs:write",
    modes={"as history": "judged, and nobody is told", "live": "what is due already acts at once"},
    live_scope=CONFIGURE_HANDOFFS,
    fields=FIELDS,
    shown=("Subject", "Reference", "Owner", "Started", "State"),
    options_form=HandoffOptions,
    reader=open_reader,
    look_back=look_back,
    remove=remove,
    address=lambda key: reverse("handoffs:detail", args=[key]),
)
