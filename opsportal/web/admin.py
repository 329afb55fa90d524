"""The admin page of what is looked at and never edited: facts, and what has its own pages."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from opsportal.web.listing import CappedPaginator


class ReadOnlyAdmin(admin.ModelAdmin[Any]):
    """Rows can be found and looked at, never added, changed or deleted here. Counting them stops at 10,000."""

    paginator = CappedPaginator

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
