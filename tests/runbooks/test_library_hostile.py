"""What a runbook may not do to who reads it: scripts, addresses, frames, pictures, broken markup."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsportal.notify import wording
from opsportal.notify.models import Message
from runbooks.library import operations, queries
from runbooks.library.engine import document, markdown
from runbooks.library.engine.document import read
from tests.factories.catalog import make_automation
from tests.factories.identity import NOW, SETUP, make_person
from tests.factories.library import PARTS, a_text, make_published

HOSTILE = [
    "<script>alert(1)</script>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    '<svg><animate onbegin=alert(1) attributeName=x dur=1s>',
    '<iframe src="javascript:alert(1)"></iframe>',
    '<iframe srcdoc="<script>alert(1)</script>">',
    "<a href=\"javascript:alert(1)\">x</a>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](java\tscript:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](javascript&colon;alert(1))",
    "[x](vbscript:msgbox(1))",
    "[x](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
    "![x](data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9YWxlcnQoMSk+)",
    "![x](https://example.org/track.png)",
    '![x" onerror="alert(1)](https://example.org/x.png)',
    "<javascript:alert(1)>",
    "[x]: javascript:alert(1)\n\n[x]",
    '[x](https://example.org "onmouseover=alert(1) \\" style=\\"x")',
    '[a](https://example.org/"onmouseover="alert(1))',
    "```\"><script>alert(1)</script>\nx\n```",
    "`<script>alert(1)</script>`",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">",
    "<b><i><p><table><td><script>alert(1)",
    "<!-- <script>alert(1)</script> -->",
    "<![CDATA[<script>alert(1)</script>]]>",
    '<form action="https://evil.example"><input name=password>',
    "<base href=https://evil.example><link rel=stylesheet href=//evil.example/x.css>",
    '<div style="background:url(javascript:alert(1))" class=side id=main>x</div>',
    "<meta http-equiv=refresh content=0;url=https://evil.example>",
    "1. Step {#x\" onclick=\"alert(1)}",
    "{{7*7}} {% load x %}",
    "| a |\n|---|\n| <img src=x onerror=alert(1)> |",
]  # fmt: skip
ALLOWED = {
    "a": {"href", "title", "rel"},
    "li": {"id"},
    "h2": {"id"},
    "h3": {"id"},
    "h4": {"id"},
    "ol": {"start"},
    "th": {"scope"},
}


class Findings(HTMLParser):
    """Every element, attribute and address that a browser would see and that should not be there."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        if tag not in markdown.ELEMENTS:
            self.found.append(tag)
        for name, value in attrs:
            if name not in ALLOWED.get(tag, set()):
                self.found.append(f"{tag} {name}")
            scheme = re.match(r"[\s\x00-\x20]*[a-z][a-z0-9+.-]*:", value or "", re.IGNORECASE)
            if name == "href" and scheme and scheme[0] not in ("https:", "http:", "mailto:"):
                self.found.append(f"address {value}")

    def handle_decl(self, decl):
        self.found.append(decl)

    def handle_comment(self, data):
        self.found.append(f"comment {data}")

    def handle_data(self, data):
        self.text += data


def shown(text: str) -> str:
    found = read(text)
    return document.to_html(found, {step.line: f"step-{n}" for n, step in enumerate(found.steps)})


@pytest.mark.parametrize("line", HOSTILE)
@pytest.mark.parametrize("place", ["body", "step", "title", "heading", "head"])
def test_hostile_text_is_text(line: str, place: str):
    texts = {
        "body": a_text(parts=PARTS | {"Signals": line}),
        "step": a_text(parts=PARTS | {"Remediation": f"1. {line}\n2. Next"}),
        "title": a_text(parts=PARTS).replace("Lead Router", repr(line)),
        "heading": a_text(parts=PARTS | {f"More {line.splitlines()[0]}": "x"}),
        "head": a_text(notion=repr(line)),
    }
    assert Findings(shown(texts[place])).found == []


@settings(max_examples=200)
@given(st.lists(st.sampled_from(HOSTILE), min_size=1, max_size=5), st.sampled_from(["", "\n", "> ", "1. ", "| ", "*"]))
def test_hostile_text_stays_text_in_any_mixture(lines: list[str], between: str):
    assert Findings(shown(between.join(lines))).found == []


def test_what_is_not_markdown_is_shown_as_it_was_written():
    assert "<script>alert(1)</script>" in Findings(shown("<script>alert(1)</script>")).text


def test_links_lead_out_without_telling_where_from_and_other_runbooks_are_found():
    html = shown("[vendor](https://status.example.org) [other](../p0/vendor-degraded.md#rollback)")
    assert 'href="https://status.example.org" rel="noopener noreferrer"' in html
    assert 'href="/runbooks/vendor-degraded/#rollback"' in html


def test_pictures_are_links_so_opening_a_page_calls_nobody():
    html = shown("![a graph](https://example.org/graph.png)")
    assert "<img" not in html
    assert ">a graph</a>" in html


@pytest.mark.parametrize("line", HOSTILE)
def test_the_plain_words_for_mail_and_slack_have_no_addresses(line: str):
    words = markdown.to_plain(f"**Do** this: {line}")
    assert words.startswith("Do this:")
    assert "https://example.org/track.png" not in words


@pytest.mark.django_db
@pytest.mark.parametrize("line", HOSTILE)
def test_a_hostile_step_is_words_in_mail_and_in_slack(line: str):
    owner = make_person("owner")
    make_automation("lead-router", owner=owner)
    text = a_text(parts=PARTS | {"Remediation": f"1. Go {line.splitlines()[0]}\n2. Next"}, automation="lead-router")
    runbook = make_published(text=text)
    step = queries.list_steps(queries.get_published(runbook))[2]
    said = {"words": f"{line} <!channel>", "person": None, "actor": SETUP, "now": NOW}
    operations.report_step(queries.get_published(runbook), key=step.key, **said)
    message = Message.objects.get(topic="runbook.step_reported", recipient=owner)
    slack = wording.slack_text([message])
    assert "<!channel>" not in slack
    assert re.findall(r"<[^>]*>", slack) == [f"<{wording.link(message.url)}|Open in opsportal>"]
    mail = wording.mail_text([message])
    assert mail.splitlines()[0] == message.title
