"""The list of executions."""

from opsportal.web import tables
from runbooks.executions import pages
from runbooks.models import Execution
from runbooks.states import ExecutionState


class ExecutionTable(tables.Table):
    caption = "Executions"
    empty_title = "No runbook has been gone through yet"
    empty_sentence = "Begin with a drill: open a runbook and press Go through it."

    runbook = tables.Column(primary=True, linkify=lambda record: record.get_absolute_url())
    reason = tables.Column()
    state = tables.BadgeColumn(
        tone=lambda state: pages.STATES[ExecutionState(state)][1],
        word=lambda state: pages.STATES[ExecutionState(state)][0],
    )
    is_drill = tables.Column("Drill")
    decided_count = tables.NumberColumn("Steps decided")
    started_at = tables.WhenColumn("Begun")
    seconds = tables.DurationColumn("Took", orderable=False)

    class Meta:
        model = Execution
        fields = ("runbook", "reason", "state", "is_drill", "decided_count", "started_at", "seconds")

    def render_is_drill(self, value: bool) -> str:
        return "drill" if value else "–"

    value_is_drill = render_is_drill
