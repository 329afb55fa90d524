"""Objectives in the admin: looked at, never edited. They are written on their own pages."""

from django.contrib import admin

from opsportal.web.admin import ReadOnlyAdmin
from slos.models import Exclusion, Slo, SloPart, SloVersion


@admin.register(Slo)
class SloAdmin(ReadOnlyAdmin):
    list_display = ["name", "slug", "automation", "kind", "method", "target", "state", "version"]
    list_select_related = ["automation"]
    list_filter = ["state", "kind", "method"]
    search_fields = ["name", "slug"]


@admin.register(SloPart)
class SloPartAdmin(ReadOnlyAdmin):
    list_display = ["composite", "part", "weight"]
    list_select_related = ["composite", "part"]


@admin.register(SloVersion)
class SloVersionAdmin(ReadOnlyAdmin):
    list_display = ["slo", "number", "from_at", "author", "reason"]
    list_select_related = ["slo", "author"]


@admin.register(Exclusion)
class ExclusionAdmin(ReadOnlyAdmin):
    list_display = ["reason", "slo", "automation", "from_at", "until", "author", "approved_by", "withdrawn_at"]
    list_select_related = ["slo", "automation", "author", "approved_by"]
