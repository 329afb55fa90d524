"""The lists of handoffs and rules."""

from functools import cached_property
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString

from handoffs.models import Handoff, Rule
from handoffs.pages import MODE_TONES, STATE_TONES
from handoffs.queries.rules import count_running
from opsportal import clock
from opsportal.web import tables
from opsportal.web.templatetags import ui


class HandoffTable(tables.Table):
    """Who owns what, and by when."""

    caption = "Handoffs"
    empty_title = "No handoffs yet"
    empty_sentence = "They arrive over the API, from events, or by hand; each starts a timer under its rule."

    select = tables.SelectColumn()
    subject = tables.LinkColumn("handoffs:detail", order_by="subject")
    state = tables.BadgeColumn(tone=lambda state: STATE_TONES[state])
    due_at = tables.DueColumn("Due")
    owner = tables.PersonColumn(order_by="owner__name")
    rule = tables.Column("Rule", accessor="rule__name", order_by="rule__name")
    channel = tables.Column()
    started_at = tables.WhenColumn("Started")

    class Meta:
        model = Handoff
        fields = ("select", "subject", "state", "due_at", "owner", "rule", "channel", "started_at")

    def render_due_at(self, value: Any, record: Handoff) -> SafeString:
        """A deadline counts while the clock runs; afterwards the verdict is what matters."""
        if record.is_running:
            return ui.due_html(value)
        if record.business_hit is None:
            return SafeString("–")
        return ui.badge("In time", "good") if record.business_hit else ui.badge("Missed", "bad")


class RateRecordTable(HandoffTable):
    """The records behind a figure of the hit rate."""

    empty_title = "No such records"
    empty_sentence = "Nothing that began in this span fits. It may have moved on since the figure was shown."

    reason = tables.Column("Why cancelled", accessor="cancel_reason")

    class Meta(HandoffTable.Meta):
        exclude = ("select",)
        fields = ("subject", "state", "due_at", "owner", "rule", "channel", "started_at", "reason")


class RuleTable(tables.Table):
    """Every timer with a name and a consequence."""

    caption = "Rules"
    empty_title = "No rules yet"
    empty_sentence = "A rule is a timer with a name and a consequence. Start with one."

    name = tables.LinkColumn("rules:detail", key="slug")
    mode = tables.BadgeColumn(tone=lambda mode: MODE_TONES[mode])
    sla_minutes = tables.Column("Timer", accessor="current__sla_minutes")
    stop_clock = tables.Column("Stops at", accessor="current__stop_clock", orderable=False)
    team = tables.Column()
    running = tables.NumberColumn("Running", accessor="pk", orderable=False)
    late = tables.NumberColumn("Late", accessor="pk", orderable=False)

    class Meta:
        model = Rule
        fields = ("name", "mode", "sla_minutes", "stop_clock", "running", "late", "team")

    def render_sla_minutes(self, value: int) -> SafeString:
        return ui.duration(value * 60)

    def render_stop_clock(self, value: str) -> str:
        return value.replace("_", " ")

    @cached_property
    def _counts(self) -> dict[int, tuple[int, int]]:
        return count_running([row.record.pk for row in self.paginated_rows], clock.now())

    def value_running(self, record: Rule) -> int:
        return self._counts.get(record.pk, (0, 0))[0]

    def value_late(self, record: Rule) -> int:
        return self._counts.get(record.pk, (0, 0))[1]

    def render_running(self, record: Rule) -> str:
        return f"{self.value_running(record):,}"

    def render_late(self, record: Rule) -> str | SafeString:
        late = self.value_late(record)
        return format_html('<strong class="late">{}</strong>', f"{late:,}") if late else "0"
