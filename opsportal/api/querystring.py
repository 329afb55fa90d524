"""Query strings: what an address reads, how it is checked. Unknown, repeated or bad values are refused (400)."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.db.models import Q
from django.http import QueryDict
from rest_framework import serializers as drf
from rest_framework.fields import empty

from opsportal.api.errors import Malformed
from opsportal.api.serializers import DateTimeField

Field = drf.Field[Any, Any, Any, Any]
Fields = Mapping[str, Field]
# What a viewset may declare as a filter: a lookup, or a lookup with the field that reads its value.
Filters = Mapping[str, str | tuple[str, Field]]

SPELLINGS: tuple[tuple[type[Field], re.Pattern[str], str], ...] = (
    (drf.IntegerField, re.compile(r"-?[0-9]{1,19}"), "a whole number"),
    (drf.BooleanField, re.compile(r"true|false"), "true or false"),
)
MODEL_FIELDS: tuple[tuple[type[models.Field[Any, Any]], type[Field]], ...] = (
    (models.BooleanField, drf.BooleanField),
    (models.IntegerField, drf.IntegerField),
    (models.DateTimeField, DateTimeField),
    (models.DateField, drf.DateField),
    (models.UUIDField, drf.UUIDField),
)


def read(parameters: QueryDict, fields: Fields) -> dict[str, Any]:
    """The checked values of a query string, defaults included; raises Malformed naming the first bad parameter."""
    for name in parameters:
        if name not in fields:
            raise Malformed("unknown_parameter", f"There is no query parameter “{name[:60]}” here.", field=name[:60])
        if len(parameters.getlist(name)) > 1:
            raise Malformed("repeated_parameter", "This parameter may stand once only.", field=name)
    values = {name: _value(name, parameters.get(name), field) for name, field in fields.items()}
    return {name: value for name, value in values.items() if value is not empty}


def _value(name: str, text: str | None, field: Field) -> Any:
    if text is None:
        if field.required:
            raise Malformed("required", "This parameter is needed.", field=name)
        return empty if field.default is empty else field.default
    try:
        _check_spelling(text, field)
        return field.run_validation(text)
    except drf.ValidationError as error:
        first = drf.as_serializer_error(error)["non_field_errors"][0]
        raise Malformed("bad_value", str(first), field=name) from None


def _check_spelling(text: str, field: Field) -> None:
    for kind, pattern, wanted in SPELLINGS:
        if isinstance(field, kind) and not pattern.fullmatch(text):
            raise drf.ValidationError(f"Expected {wanted}.")


def as_filters(declared: Filters | Sequence[str]) -> Filters:
    return declared if isinstance(declared, Mapping) else {name: name for name in declared}


def filter_fields(model: type[models.Model], declared: Filters) -> dict[str, Field]:
    """The field that reads each filter's value, taken from the model unless it was declared."""
    return {name: _field_of(model, spec) if isinstance(spec, str) else spec[1] for name, spec in declared.items()}


def filter_condition(declared: Filters, values: Mapping[str, Any]) -> Q:
    """The filters that were asked for, as one condition."""
    condition = Q()
    for name, spec in declared.items():
        if name in values:
            condition &= Q(**{spec if isinstance(spec, str) else spec[0]: values[name]})
    return condition


def search_condition(paths: Sequence[str], text: str) -> Q:
    """Records where one of the paths holds the text, whatever the case."""
    condition = Q()
    for path in paths:
        condition |= Q(**{f"{path}__icontains": text})
    return condition


def _field_of(model: type[models.Model], lookup: str) -> Field:
    if lookup.endswith("__isnull"):
        return drf.BooleanField(required=False)
    column = model_field(model, lookup)
    if column is not None and column.choices:
        return drf.ChoiceField(choices=column.choices, required=False)
    for kind, field in MODEL_FIELDS:
        if isinstance(column, kind):
            return field(required=False)
    return drf.CharField(required=False, max_length=400, trim_whitespace=False)


def model_field(model: type[models.Model], path: str) -> models.Field[Any, Any] | None:
    """The column at the end of `rule__slug`; trailing lookups such as `__gte` are ignored; None for an annotation."""
    found, here = cast(Any, None), cast(Any, model)
    for part in path.split("__"):
        try:
            found = here._meta.get_field(part) if part != "pk" else here._meta.pk
        except FieldDoesNotExist:
            break
        if not found.is_relation:
            break
        here = found.related_model
    while found is not None and found.is_relation:
        found = found.target_field
    return cast("models.Field[Any, Any] | None", found)
