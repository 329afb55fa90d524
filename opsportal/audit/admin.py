"""The trail in the admin: looked at, never edited, by nobody."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from opsportal.audit import queries, sentences
from opsportal.audit.models import Entry, Seal, Verification
from opsportal.web.admin import ReadOnlyAdmin

SHOWN = (
    *("id", "at", "actor_kind", "actor_id", "action", "subject_type", "subject_id"),
    *("team", "rule", "source", "trace_id", "cluster", "xid"),
)


@admin.register(Entry)
class EntryAdmin(ReadOnlyAdmin):
    list_display = ["id", "at", "told", "action", "source", "trace_id"]
    list_filter = ["source", "actor_kind"]
    search_fields = ["=trace_id", "=subject_id", "=actor_id"]
    show_full_result_count = False
    fields = ("told", "detail", *SHOWN, "committed")
    readonly_fields = ("told", "detail", "committed")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Entry]:
        return queries.visible_entries(queries.visible_teams(request.user))

    @admin.display(description="what happened")
    def told(self, entry: Entry) -> str:
        return sentences.sentence(entry)

    @admin.display(description="detail")
    def detail(self, entry: Entry) -> str:
        return str(sentences.detail_of(entry) or "erased")

    @admin.display(description="commitment")
    def committed(self, entry: Entry) -> str:
        return bytes(entry.commitment).hex()


@admin.register(Seal)
class SealAdmin(ReadOnlyAdmin):
    list_display = ["number", "sealed_at", "entry_count", "digest"]
    fields = ("number", "sealed_at", "entry_count", "max_id", "spans", "digest", "follows")
    readonly_fields = ("digest", "follows")
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("leaves")

    @admin.display(description="hash")
    def digest(self, seal: Seal) -> str:
        return bytes(seal.hash).hex()

    @admin.display(description="hash of the seal before")
    def follows(self, seal: Seal) -> str:
        return bytes(seal.previous).hex()


@admin.register(Verification)
class VerificationAdmin(ReadOnlyAdmin):
    list_display = ["started_at", "finished_at", "via", "reached", "entry_count", "problem"]
    list_filter = ["via"]
