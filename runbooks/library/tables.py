"""The list of runbooks."""

from datetime import datetime
from functools import cached_property

from django.utils.html import format_html
from django.utils.safestring import SafeString

from opsportal import clock
from opsportal.web import tables
from opsportal.web.templatetags import ui
from runbooks.library import pages, queries
from runbooks.models.library import Runbook


class RunbookTable(tables.Table):
    """What to follow for what, and whether it can be relied on. Tiers of all rows are read together."""

    caption = "Runbooks"
    empty_title = "No runbooks yet"
    empty_sentence = "Write one for each automation that people depend on, before the first night without one."

    title = tables.LinkColumn("runbooks:detail", key="slug")
    kind = tables.Column()
    about = tables.Column("About", accessor="pk", orderable=False)
    tier = tables.Column("Tier", accessor="pk", orderable=False)
    verdict = tables.Column("State", accessor="pk", orderable=False)
    validated_at = tables.WhenColumn("Found to hold")
    stale_at = tables.WhenColumn("Look again")
    open_reports = tables.NumberColumn("Wrong steps")

    class Meta:
        model = Runbook
        fields = ("title", "kind", "about", "tier", "verdict", "validated_at", "stale_at", "open_reports")

    @cached_property
    def _tiers(self) -> dict[int, str]:
        return queries.tiers_of([row.record for row in self.paginated_rows])

    @cached_property
    def _now(self) -> datetime:
        return clock.now()

    def render_kind(self, record: Runbook) -> str:
        return record.kind.capitalize()

    def value_kind(self, record: Runbook) -> str:
        return record.kind

    def value_about(self, record: Runbook) -> str:
        return ", ".join(link.slug for link in record.links.all())

    def render_about(self, record: Runbook) -> str:
        return self.value_about(record) or "–"

    def value_tier(self, record: Runbook) -> str:
        return self._tiers.get(record.pk, "")

    def render_tier(self, record: Runbook) -> str:
        return self.value_tier(record) or "–"

    def value_verdict(self, record: Runbook) -> str:
        return pages.verdict(record, self._now)[0]

    def render_verdict(self, record: Runbook) -> SafeString:
        return ui.badge(*pages.verdict(record, self._now))

    def render_open_reports(self, value: int) -> SafeString:
        return ui.badge(str(value), "warn") if value else format_html("{}", "–")
