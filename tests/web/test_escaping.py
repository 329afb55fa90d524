"""Strings people and programs send are text everywhere, whatever they look like."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from django.template import Context, Template
from django.template.loader import render_to_string

from opsportal.web import charts
from opsportal.web.templatetags import ui

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</title></svg><iframe src=javascript:alert(1)>",
    "{{7*7}}{% load x %}",
]
NOW = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)


def draw(source, **context):
    return Template("{% load ui %}" + source).render(Context({"now": NOW, **context}))


def is_harmless(html, text):
    """None of the text's markup survives; what could close an attribute or open a tag is escaped."""
    return "<script" not in html and "<img" not in html and "<iframe" not in html and text not in html.replace("{{", "")


@pytest.mark.parametrize("text", HOSTILE[:4])
@pytest.mark.parametrize(
    "source",
    [
        "{% badge text 'good' %}",
        "{% badge 'a' text %}",
        "{% figure text text text %}",
        "{% person text %}",
        "{% icon 'search' text %}",
        "{% empty text text %}",
        "{% diff before after %}",
        "{% include 'web/page_head.html' with title=text badge=text sentence=text back_url='/' back_label=text %}",
        "{% include 'web/banner.html' with degraded=text %}",
        "{% chart line %}{% chart bars %}{% chart spark %}{% chart strip %}",
    ],
)
def test_no_component_lets_markup_through(source, text):
    point = charts.Point(1, 2, label=text, url=text)
    html = draw(
        source,
        text=text,
        before={text: text},
        after={text: text + "x"},
        line=charts.line(text, [charts.Series(text, [point]), charts.Series(text, [point])], limits=[(1, text)]),
        bars=charts.bars(text, [charts.Bar(text, 1, tone=text, url=text)]),
        spark=charts.sparkline(text, [1, 2]),
        strip=charts.strip(text, [charts.Cell(text, "bad", text)]),
    )
    assert is_harmless(html, text)


@pytest.mark.parametrize("text", HOSTILE)
def test_what_looks_like_a_template_stays_text(text):
    assert "49" not in draw("{% badge text %}{{ text }}", text=text)


@pytest.mark.django_db
def test_error_pages_repeat_nothing_they_were_asked_for(client):
    answer = client.get("/<script>alert(1)</script>/")
    assert b"<script>alert" not in answer.content


def test_saved_filters_and_messages_are_escaped(rf):
    text = HOSTILE[1]
    saved = SimpleNamespace(name=text, url=f"?q={text}", delete_url="", is_shared=True)
    message = SimpleNamespace(level_tag="error", __str__=lambda self: text)
    request = rf.get("/")
    html = render_to_string("web/saved_filters.html", {"saved_filters": [saved], "request": request})
    html += render_to_string("web/messages.html", {"messages": [message, text]})
    assert "<img" not in html


def test_initials_are_letters():
    assert [ui.initials(name) for name in ("Ada Okafor", "Björk", "<b> x", "", "☎ Desk")] == ["AO", "B", "X", "?", "D"]
