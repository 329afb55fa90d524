"""Serializers that take what they declare and nothing else: unknown fields and wrong JSON types are refused (422)."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.db import models
from rest_framework import serializers as drf
from rest_framework.fields import empty
from rest_framework.validators import UniqueValidator

# What JSON type a field takes. Without this "5", 5.0 and true would all pass as the integer 5.
JSON_TYPES: tuple[tuple[type[drf.Field[Any, Any, Any, Any]], tuple[type, ...], str], ...] = (
    (drf.BooleanField, (bool,), "true or false"),
    (drf.IntegerField, (int,), "a whole number"),
    (drf.FloatField, (int, float), "a number"),
    (drf.DecimalField, (int, float, str), "a decimal number"),
    (drf.CharField, (str,), "a string"),
    (drf.DateTimeField, (str,), "a string"),
    (drf.DateField, (str,), "a string"),
    (drf.TimeField, (str,), "a string"),
    (drf.UUIDField, (str,), "a string"),
    (drf.ChoiceField, (str, int), "one of the choices"),
    (drf.SlugRelatedField, (str, int), "a string"),
)


class DateTimeField(drf.DateTimeField):
    """ISO 8601 with offset in, UTC with `Z` out."""

    default_error_messages = {"naive": "A time needs an offset, such as Z or +02:00."}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(default_timezone=UTC, **kwargs)

    def enforce_timezone(self, value: datetime) -> datetime:
        if value.tzinfo is None:
            self.fail("naive")
        try:
            return value.astimezone(UTC)
        except OverflowError:
            self.fail("overflow")

    def to_representation(self, value: datetime | str) -> str:
        if isinstance(value, str):
            return value
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


class _Strict:
    """Refuses unknown fields and wrong JSON types before anything is converted."""

    def run_validation(self, data: Any = empty) -> Any:
        if isinstance(data, Mapping) and not isinstance(data, dict):
            data = data.dict() if hasattr(data, "dict") else dict(data)
        if isinstance(data, dict):
            self._refuse_unknown_and_mistyped(data)
        return super().run_validation(data)  # type: ignore[misc]

    def _refuse_unknown_and_mistyped(self, data: dict[str, Any]) -> None:
        fields: Mapping[str, drf.Field[Any, Any, Any, Any]] = self.fields  # type: ignore[attr-defined]
        refused: dict[str, list[drf.ErrorDetail]] = {}
        for name, value in data.items():
            field = fields.get(name)
            if field is None:
                refused[name] = [drf.ErrorDetail("There is no such field.", "unknown_field")]
            elif field.read_only:
                refused[name] = [drf.ErrorDetail("This field cannot be set.", "unknown_field")]
            elif (wanted := mistyped(field, value)) is not None:
                refused[name] = [drf.ErrorDetail(f"Expected {wanted}.", "wrong_type")]
        if refused:
            raise drf.ValidationError(refused)


class Serializer(_Strict, drf.Serializer[Any]):
    """The base of every hand-written body."""


class ModelSerializer(_Strict, drf.ModelSerializer[Any]):
    """The base of every body that follows a model. Times are ours; writing and uniqueness stay with the operations."""

    serializer_field_mapping = {**drf.ModelSerializer.serializer_field_mapping, models.DateTimeField: DateTimeField}

    def build_standard_field(self, field_name: str, model_field: models.Field[Any, Any]) -> Any:
        field_class, arguments = super().build_standard_field(field_name, model_field)
        validators = arguments.get("validators", [])
        arguments["validators"] = [each for each in validators if not isinstance(each, UniqueValidator)]
        return field_class, arguments

    def get_unique_together_validators(self) -> list[Any]:
        return []


def mistyped(field: "drf.Field[Any, Any, Any, Any]", value: Any) -> str | None:
    """What the field takes instead of this JSON value; None when the type fits (null is the field's own business)."""
    if value is None:
        return None
    for kind, types, wanted in JSON_TYPES:
        if isinstance(field, kind):
            fits = isinstance(value, types) and (bool in types or not isinstance(value, bool))
            return None if fits else wanted
    return None


def one_of(*names: str) -> drf.ChoiceField:
    """A required choice among plain strings."""
    return drf.ChoiceField(choices=list(names))
