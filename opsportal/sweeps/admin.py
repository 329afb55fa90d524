"""The worker's rows, read-only. django-q2's tables leave the admin: whoever edits a schedule there runs code."""

import django_q.admin  # noqa: F401  (registers first, so that it can be taken out here)
from django.contrib import admin
from django_q.models import Failure, OrmQ, Schedule, Success

from opsportal.sweeps.models import BlindSpell, Sweep, SweepRun, WorkHost
from opsportal.web.admin import ReadOnlyAdmin

for model in (Failure, OrmQ, Schedule, Success):
    if admin.site.is_registered(model):
        admin.site.unregister(model)


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
