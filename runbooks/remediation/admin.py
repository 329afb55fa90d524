"""Proposals in the admin: facts, looked at and never edited."""

from django.contrib import admin

from opsportal.web.admin import ReadOnlyAdmin
from runbooks.models import Proposal


@admin.register(Proposal)
class ProposalAdmin(ReadOnlyAdmin):
    list_display = ["runbook", "sentence", "state", "proposed_at", "decided_label", "decided_at"]
    list_select_related = ["runbook"]
    list_filter = ["state", "fact_kind"]
