"""Filters as a GET form: everything is in the address, so a filtered page can be linked, saved and exported."""

from collections.abc import Iterator
from itertools import chain
from typing import Any

import django_filters
from django import forms
from django.db.models import QuerySet
from django.forms.utils import flatatt
from django.utils.choices import flatten_choices
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django_filters.fields import ModelChoiceField, ModelChoiceIterator

from opsportal.web.forms import Looks

BLANK = "---------"  # Django's word for no choice


class FilterForm(Looks, forms.Form):
    """The form behind a FilterSet. Values stay out of ids of other forms on the page by a prefix of their own."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"auto_id": "filter_%s", **kwargs})
        for field in self.fields.values():
            if getattr(field, "empty_label", None) == BLANK:
                field.empty_label = "Any"  # type: ignore[attr-defined]


class FilterSet(django_filters.FilterSet):
    """Base of a page's filters. A bad value filters nothing away silently: the list is empty and the field says why."""

    class Meta:
        form = FilterForm

    def get_form_class(self) -> type[forms.Form]:
        """Always built on FilterForm, also where a subclass's Meta does not inherit ours."""
        return type("FilterForm", (FilterForm,), {name: each.field for name, each in self.filters.items()})

    @property
    def qs(self) -> QuerySet[Any]:
        is_refused = self.is_bound and not self.form.is_valid()
        found: QuerySet[Any] = self.queryset.none() if is_refused else super().qs
        return found

    @property
    def active(self) -> list[tuple[str, str, str]]:
        """What is filtered by, as (name, label, value in words), in the order of the form."""
        if not self.is_bound or not self.form.is_valid():
            return []
        return [
            (name, str(self.form[name].label), _in_words(self.form[name].field, value))
            for name, value in self.form.cleaned_data.items()
            if value not in (None, "", []) and not _is_empty(value)
        ]


class _Names(ModelChoiceIterator):
    """Keys and names, without the records."""

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        if self.field.empty_label is not None:
            yield ("", self.field.empty_label)
        yield from self.queryset.values_list(self.field.to_field_name or "pk", "name")


class LongSelect(forms.Select):
    """The same `<select>` in one go: Django renders a template for each option."""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        chosen = {str(one) for one in self.format_value(value)}
        rows = [(key, SafeString(" selected") if str(key) in chosen else "", label) for key, label in self.choices]
        options = '<option value="{}"{}>{}</option>' * len(rows)
        own = flatatt(self.build_attrs(self.attrs, attrs))
        return format_html(f'<select name="{{}}"{{}}>{options}</select>', name, own, *chain.from_iterable(rows))


class YesNoWidget(django_filters.widgets.BooleanWidget):
    """Django's says Unknown where nothing is chosen."""

    def __init__(self, attrs: Any = None) -> None:
        forms.Select.__init__(self, attrs, (("", "Any"), ("true", "Yes"), ("false", "No")))


class YesNoFilter(django_filters.BooleanFilter):
    """Yes, no, or either."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"widget": YesNoWidget, **kwargs})


class RecordField(ModelChoiceField):
    iterator = _Names
    widget = LongSelect


class RecordFilter(django_filters.ModelChoiceFilter):
    """A choice among hundreds of records that have a `name`."""

    field_class = RecordField


def _is_empty(value: object) -> bool:
    return hasattr(value, "exists") and not value.exists()


def _in_words(field: forms.Field, value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(field, forms.ModelChoiceField):
        chosen = value if isinstance(value, QuerySet) else [value]
        return ", ".join(str(field.label_from_instance(each)) for each in chosen)
    if isinstance(field, forms.ChoiceField):
        pairs: list[tuple[Any, Any]] = list(flatten_choices(getattr(field.widget, "choices", [])))
        labels = {str(key): str(label) for key, label in pairs}
        values = value if isinstance(value, list | tuple) else [value]
        return ", ".join(labels.get(str(each), str(each)) for each in values)
    if isinstance(value, slice):
        return " to ".join(str(each) for each in (value.start, value.stop) if each is not None)
    return str(value)
