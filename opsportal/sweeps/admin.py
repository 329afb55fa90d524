"""The worker's rows, read-only. django-q2's tables leave the admin: whoever edits a schedule there runs code."""

from typing import Any

import django_q.admin  # noqa: F401  (registers first, so that it can be taken out here)
from django.contrib import admin
from django.http import HttpRequest
from django_q.models import Failure, OrmQ, Schedule, Success

from opsportal.sweeps.models import BlindSpell, Sweep, SweepRun, WorkHost

for model in (Failure, OrmQ, Schedule, Success):
    if admin.site.is_registered(model):
        admin.site.unregister(model)


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Facts are looked at, never edited."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Sweep)
class SweepAdmin(ReadOnlyAdmin):
    list_display = ["name", "attempted_at", "finished_at", "failed_at", "error"]


@admin.register(SweepRun)
class SweepRunAdmin(ReadOnlyAdmin):
    list_display = ["name", "started_at", "finished_at", "examined", "fired", "via", "host", "error"]
    list_filter = ["name", "via"]
    show_full_result_count = False


@admin.register(BlindSpell)
class BlindSpellAdmin(ReadOnlyAdmin):
    list_display = ["from_at", "until"]


@admin.register(WorkHost)
class WorkHostAdmin(ReadOnlyAdmin):
    list_display = ["host", "pid", "started_at", "seen_at", "beat_at", "restart_count"]
