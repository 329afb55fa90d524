"""The list of objectives."""

from functools import cached_property

from django.utils.html import format_html
from django.utils.safestring import SafeString

from opsportal import clock
from opsportal.web import tables
from opsportal.web.templatetags import ui
from slos.budgets import queries as budgets
from slos.budgets.engine import Budget
from slos.models import Slo
from slos.objectives import pages
from slos.objectives.thresholds import plain
from slos.states import SloState

# A template of its own takes longer for each row than all the rest of the row.
BAR = (
    '<span class="nowrap">{}</span><svg class="scale" aria-hidden="true">'
    '<rect class="day-room" y="35%" width="100%" height="45%"/>'
    '<rect class="fill {}" y="35%" width="{}%" height="45%"/></svg>'
)


class SloTable(tables.Table):
    """What is promised, and how the budgets stand. The figures of all rows are read together."""

    caption = "Objectives"
    page_size = 25  # each with the budget it leaves
    empty_title = "No objectives yet"
    empty_sentence = "An SLO says how good is good enough, so that people can agree when to stop. Start with one."

    name = tables.LinkColumn("slos:detail", key="slug")
    automation = tables.Column(linkify=lambda record: record.automation and f"/automations/{record.automation.slug}/")
    target = tables.NumberColumn("Target")
    verdict = tables.Column("Verdict", accessor="pk", orderable=False)
    remaining = tables.Column("Budget left", accessor="pk", orderable=False)
    burn_1h = tables.NumberColumn("Burn 1 h", accessor="pk", orderable=False)
    burn_6h = tables.NumberColumn("6 h", accessor="pk", orderable=False)
    burn_3d = tables.NumberColumn("3 d", accessor="pk", orderable=False)
    state = tables.BadgeColumn(tone=lambda state: pages.STATE_TONES[SloState(state)])

    class Meta:
        model = Slo
        fields = ("name", "automation", "target", "verdict", "remaining", "burn_1h", "burn_6h", "burn_3d", "state")

    @cached_property
    def _budgets(self) -> dict[int, Budget]:
        return budgets.budgets([row.record for row in self.paginated_rows], clock.now())

    def render_target(self, record: Slo) -> str:
        return f"{plain(record.target)}%"

    def value_target(self, record: Slo) -> str:
        return plain(record.target)

    def render_verdict(self, record: Slo) -> SafeString:
        return ui.badge(*pages.verdict(self._budgets[record.pk]))

    def value_verdict(self, record: Slo) -> str:
        return pages.verdict(self._budgets[record.pk])[0]

    def render_remaining(self, record: Slo) -> SafeString:
        budget = self._budgets[record.pk]
        if not budget.is_judged:
            return format_html('<span class="nowrap">{}</span>', pages.left(budget))
        width, tone = f"{pages.bar(budget):.1f}", pages.verdict(budget)[1]
        return format_html(BAR, pages.left(budget), tone, width)

    def value_remaining(self, record: Slo) -> str:
        remaining = self._budgets[record.pk].remaining
        return "" if remaining is None else plain(remaining)

    def value_burn_1h(self, record: Slo) -> str:
        return pages.rate(self._budgets[record.pk], "1h")

    def value_burn_6h(self, record: Slo) -> str:
        return pages.rate(self._budgets[record.pk], "6h")

    def value_burn_3d(self, record: Slo) -> str:
        return pages.rate(self._budgets[record.pk], "3d")

    render_burn_1h, render_burn_6h, render_burn_3d = value_burn_1h, value_burn_6h, value_burn_3d
