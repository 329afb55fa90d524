"""The list of what facts proposed."""

from opsportal.web import tables
from runbooks.models import Proposal
from runbooks.remediation.pages import TONES
from runbooks.states import ProposalState


class ProposalTable(tables.Table):
    caption = "Proposed runbooks"
    empty_title = "Nothing has been proposed"
    empty_sentence = "A runbook with “on_facts:” in its head is proposed when such a fact comes in."

    runbook = tables.Column(primary=True, linkify=lambda record: record.get_absolute_url())
    sentence = tables.Column("Because")
    state = tables.BadgeColumn(
        tone=lambda state: TONES[ProposalState(state)][1], word=lambda state: TONES[ProposalState(state)][0]
    )
    decided_label = tables.Column("By")
    proposed_at = tables.WhenColumn("Proposed")
    expires_at = tables.WhenColumn("Until")

    class Meta:
        model = Proposal
        fields = ("runbook", "sentence", "state", "decided_label", "proposed_at", "expires_at")
