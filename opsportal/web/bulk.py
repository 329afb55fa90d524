"""Doing one thing to many rows: select, confirm on a page that lists what will happen, see one result a row."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from opsportal.errors import DomainError

LIMIT = 200


@dataclass(frozen=True, slots=True)
class BulkAction:
    """A button over the selected rows. It leads to a confirm page; only that page does anything."""

    label: str
    url_name: str
    is_danger: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one row."""

    label: str
    sentence: str
    is_refused: bool


def selected(request: HttpRequest, queryset: QuerySet[Any]) -> list[Any]:
    """The rows named by `selected` in the form or the query string, at most LIMIT, only those within `queryset`."""
    keys = (request.POST if request.method == "POST" else request.GET).getlist("selected")[:LIMIT]
    return list(queryset.filter(pk__in=[key for key in keys if _is_key(queryset, key)]))


def confirm_page(
    request: HttpRequest,
    *,
    rows: list[Any],
    title: str,
    sentence: str,
    button: str,
    act: Callable[[Any], str],
    back_url: str,
    describe: Callable[[Any], str] = str,
    is_danger: bool = False,
    form: BaseForm | None = None,
) -> HttpResponse:
    """GET lists what will happen; POST calls `act(row)` for each and shows its sentence, or the refusal in words.

    `form` (a reason, a new owner) is asked on the confirm page; `act` may read its cleaned_data.
    """
    context: dict[str, Any] = {
        "title": title,
        "sentence": sentence,
        "button": button,
        "rows": [(row.pk, describe(row)) for row in rows],
        "back_url": back_url,
        "is_danger": is_danger,
        "form": form,
    }
    if request.method == "POST" and rows and (form is None or form.is_valid()):
        context["results"] = [_result(row, act, describe) for row in rows]
        return render(request, "web/bulk_result.html", context)
    return render(request, "web/confirm.html", context, status=422 if form is not None and form.errors else 200)


def _result(row: Any, act: Callable[[Any], str], describe: Callable[[Any], str]) -> Result:
    try:
        return Result(describe(row), act(row), is_refused=False)
    except DomainError as error:
        return Result(describe(row), error.message, is_refused=True)


def _is_key(queryset: QuerySet[Any], key: str) -> bool:
    try:
        queryset.model._meta.pk.to_python(key)
    except ValidationError:
        return False
    return True
