"""The list of approvals: what was asked for, what became of it."""

from typing import Any

import django_filters
from django.db.models import Q, QuerySet

from opsportal import clock
from opsportal.approvals import registry
from opsportal.approvals.models import Approval
from opsportal.approvals.states import Risk, State
from opsportal.web.filters import FilterSet
from opsportal.web.tables import BadgeColumn, Column, LinkColumn, PersonColumn, Table, WhenColumn

STATE_TONES = {
    State.PENDING: "warn",
    State.APPROVED: "good",
    State.USED: "good",
    State.REFUSED: "bad",
    State.EXPIRED: "calm",
    State.VOIDED: "calm",
}
RISK_TONES = {Risk.SAFE: "calm", Risk.GUARDED: "warn", Risk.DANGEROUS: "bad"}


class ApprovalTable(Table):
    caption = "Approvals, newest first"
    empty_title = "Nothing was asked for yet"
    empty_sentence = "What needs a second person shows up here, with what exactly would be done."

    title = LinkColumn("approvals:approval", verbose_name="What")
    kind = Column()
    risk = BadgeColumn(tone=lambda risk: RISK_TONES[Risk(risk)])
    state = BadgeColumn(tone=lambda state: STATE_TONES[State(state)], orderable=False)
    requested_by = PersonColumn(verbose_name="Asked by")
    requested_at = WhenColumn(verbose_name="Asked")
    decided_by = PersonColumn(verbose_name="Decided by")
    team = Column()

    def value_kind(self, record: Approval) -> str:
        return registry.get(record.kind).label

    def render_kind(self, record: Approval) -> str:
        return self.value_kind(record)

    def value_state(self, record: Approval) -> str:
        return record.state_at(clock.now())

    def render_state(self, record: Approval) -> Any:
        column: Any = self.columns["state"].column
        return column.render(self.value_state(record))


class ApprovalFilter(FilterSet):
    q = django_filters.CharFilter(label="Search", method="search", max_length=200)
    state = django_filters.ChoiceFilter(
        label="State", choices=[(str(state), str(state)) for state in State], method="in_state", empty_label="Any"
    )
    kind = django_filters.ChoiceFilter(label="Kind", choices=[], empty_label="Any")
    risk = django_filters.ChoiceFilter(
        label="Risk", choices=[(str(risk), str(risk)) for risk in Risk], empty_label="Any"
    )

    class Meta:
        model = Approval
        fields: list[str] = []

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.filters["kind"].extra["choices"] = registry.labels()  # rooms register theirs after this class is made

    def search(self, queryset: QuerySet[Approval], name: str, text: str) -> QuerySet[Approval]:
        return queryset.filter(Q(title__icontains=text) | Q(subject_label__icontains=text) | Q(subject_id=text))

    def in_state(self, queryset: Any, name: str, state: str) -> QuerySet[Approval]:
        found: QuerySet[Approval] = queryset.in_state(State(state), clock.now())
        return found
