"""The tags of our pages: `{% load ui %}`. Every one escapes what it is given."""

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any

from django import template
from django.templatetags.static import static
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from opsportal import clock
from opsportal.web import words

register = template.Library()

TONES = ("good", "warn", "bad", "calm")
# As words.utc(), words.iso() and isoformat() write them into what is kept.
INSTANT = re.compile(r"\b(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d:\d\d)(?:Z| UTC))?\b")


@register.simple_tag
def icon(name: str, label: str = "") -> SafeString:
    """A drawing of the sprite `static/icons.svg`; without a label it is decoration."""
    address = f"{static('icons.svg')}#{name}"
    if label:
        return format_html('<svg class="icon" role="img" aria-label="{}"><use href="{}"/></svg>', label, address)
    return format_html('<svg class="icon" aria-hidden="true"><use href="{}"/></svg>', address)


@register.simple_tag
def badge(word: object, tone: str = "calm") -> SafeString:
    """A state: shape, word and colour. Tones: good, warn, bad, calm; anything else is calm."""
    tone = tone if tone in TONES else "calm"
    return format_html('<span class="badge {}">{}{}</span>', tone, icon(f"tone-{tone}"), word)


@register.simple_tag(takes_context=True)
def when(context: template.Context, instant: datetime | None, style: str = "both") -> SafeString:
    """An instant. Styles: `both` (relative, absolute beside it), `short` (relative), `absolute`."""
    return when_html(instant, style, context.get("now"))


@register.simple_tag(takes_context=True)
def due(context: template.Context, instant: datetime | None) -> SafeString:
    """A deadline as `due in 4 min` or `12 min late`, with its tone; scripts keep it counting."""
    return due_html(instant, context.get("now"))


@register.simple_tag
def duration(seconds: float | None) -> SafeString:
    """A length in seconds as words, exact seconds in the title."""
    if seconds is None:
        return SafeString("–")
    return format_html('<span title="{} seconds">{}</span>', f"{seconds:,.0f}", words.duration(seconds))


@register.simple_tag
def figure(label: str, value: object, note: object = "", tone: str = "", url: str = "") -> SafeString:
    """One of at most four numbers of a page, inside `<dl class="figures">`; `url` is where it comes from."""
    shape = icon(f"tone-{tone}") if tone in TONES else ""
    note_html = format_html('<dd class="note">{}</dd>', in_zone(note)) if note else ""
    value = format_html('<a href="{}">{}</a>', url, value) if url else value
    return format_html(
        '<div class="figure {}"><dt>{}</dt><dd class="value">{}{}</dd>{}</div>', tone, label, shape, value, note_html
    )


@register.simple_tag
def person(who: Any) -> SafeString:
    """A person's initials and name, linked to their page where they have one; a dash for nobody."""
    if not who:
        return SafeString("–")
    name = str(who)
    mark = format_html('<span class="initials" aria-hidden="true">{}</span>', initials(name))
    address = who.get_absolute_url() if hasattr(who, "get_absolute_url") else ""
    if address:
        return format_html('<a class="person" href="{}">{}<span>{}</span></a>', address, mark, name)
    return format_html('<span class="person">{}<span>{}</span></span>', mark, name)


@register.inclusion_tag("web/field.html")
def field(bound: Any) -> dict[str, Any]:
    """A form field: label, hint, errors, control, in the order they are read."""
    return {"field": bound, "kind": _kind(bound)}


@register.inclusion_tag("web/chart.html")
def chart(drawing: Any) -> dict[str, Any]:
    """A chart of `opsportal.web.charts` as SVG, with its numbers as a table below."""
    return {"chart": drawing}


@register.inclusion_tag("web/empty.html")
def empty(title: str, sentence: str = "", tone: str = "calm") -> dict[str, Any]:
    """Why there is nothing here, and whether that is good."""
    return {"title": title, "sentence": sentence, "tone": tone}


@register.inclusion_tag("web/diff.html")
def diff(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """Before and after, field by field; unchanged fields are left out."""
    names = list(dict.fromkeys([*before, *after]))
    return {"rows": [(n, before.get(n), after.get(n)) for n in names if before.get(n) != after.get(n)]}


@register.simple_tag(takes_context=True)
def query(context: template.Context, **changes: Any) -> str:
    """The page's query string with some values changed; None takes one away."""
    values = context["request"].GET.copy()
    for name, value in changes.items():
        values.pop(name, None)
        if value is not None:
            values[name] = str(value)
    return f"?{values.urlencode()}"


@register.simple_tag(takes_context=True)
def admin_address(context: template.Context, record: Any) -> str:
    """The record's page in the admin, for staff; else an empty string. Staff may look at everything there, so nothing
    is asked of the database.
    """
    user: Any = context.get("user")
    meta = getattr(record, "_meta", None)
    if meta is None or not getattr(user, "is_staff", False):
        return ""
    try:
        return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[record.pk])
    except NoReverseMatch:
        return ""


@register.filter
def counted(number: int, nouns: str) -> str:
    """`{{ 3|counted:"handoff" }}`, `{{ 3|counted:"reply,replies" }}`."""
    singular, _, plural = nouns.partition(",")
    return words.count(number, singular, plural)


@register.filter
def message_tone(level_tag: str) -> str:
    """The tone of a flashed message."""
    return {"success": "good", "warning": "warn", "error": "bad"}.get(level_tag, "calm")


@register.filter
def in_zone(sentence: object) -> SafeString:
    """A kept sentence with its instants in the person's zone, as everywhere else; days as `15 Nov`."""
    text, parts, at = str(sentence), [], 0
    if isinstance(sentence, SafeString):
        return sentence
    for found in INSTANT.finditer(text):
        parts += [text[at : found.start()], _told_there(found)]
        at = found.end()
    return format_html_join("", "{}", ((part,) for part in (*parts, text[at:])))


def _told_there(found: re.Match[str]) -> str:
    try:
        if found[2]:
            return when_html(datetime.fromisoformat(f"{found[1]} {found[2]}").replace(tzinfo=UTC), "absolute")
        day = date.fromisoformat(found[1])
    except ValueError:
        return found[0]
    year = "" if day.year == clock.now().year else f" {day.year}"
    return f"{day.day} {day:%b}{year}"


def when_html(instant: datetime | None, style: str = "both", now: datetime | None = None) -> SafeString:
    """`<time>` with the relative words; both readings are on the page, UTC is in the title and one click away."""
    if instant is None:
        return SafeString("–")
    now = now or clock.now()
    relative, wall = words.ago(instant, now), words.absolute(instant, timezone.get_current_timezone(), now)
    exact, utc = words.iso(instant), words.utc(instant)
    if style == "absolute":
        return format_html('<time class="when" datetime="{}" title="{}" data-wall>{}</time>', exact, utc, wall)
    if style == "short":
        title = f"{wall} · {utc}"
        return format_html('<time class="when" datetime="{}" title="{}" data-ago>{}</time>', exact, title, relative)
    return format_html(
        '<span class="when"><time datetime="{exact}" title="{utc}" data-ago>{relative}</time> '
        '<time class="wall" datetime="{exact}" title="{utc}" data-wall>{wall}</time></span>',
        exact=exact,
        utc=utc,
        relative=relative,
        wall=wall,
    )


def due_html(instant: datetime | None, now: datetime | None = None, soon_seconds: int = 900) -> SafeString:
    """A deadline; `late` is bad, less than `soon_seconds` left is warn, else no tone."""
    if instant is None:
        return SafeString("–")
    now = now or clock.now()
    left = (instant - now).total_seconds()
    tone = "bad" if left <= 0 else "warn" if left < soon_seconds else "calm"
    return format_html(
        '<span class="due {tone}">{shape}<time datetime="{exact}" title="{wall} · {utc}" data-due>{text}</time></span>',
        tone=tone,
        shape=icon(f"tone-{tone}") if tone != "calm" else "",
        exact=words.iso(instant),
        wall=words.absolute(instant, timezone.get_current_timezone(), now),
        utc=words.utc(instant),
        text=words.due(instant, now),
    )


def initials(name: str) -> str:
    """Up to two letters: first and last word's."""
    parts = [part for part in name.split() if part[0].isalnum()] or [name or "?"]
    letters: Iterable[str] = (parts[0][0], parts[-1][0]) if len(parts) > 1 else parts[0][:1]
    return "".join(letters).upper()


def _kind(bound: Any) -> str:
    widget = bound.field.widget
    input_type = getattr(widget, "input_type", "")
    if bound.is_hidden:
        return "hidden"
    if input_type == "checkbox" and not hasattr(widget, "subwidgets_many") and not hasattr(bound.field, "choices"):
        return "checkbox"
    return "group" if widget.use_fieldset else "plain"
