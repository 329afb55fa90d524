"""One reader of Markdown for checking, numbering and showing: CommonMark with tables and strikethrough.

HTML in the text is text: the parser makes no element of it, and nh3 lets only listed elements through afterwards.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import nh3
from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

Tokens = list[Token]
MOST_CHARACTERS = 60_000
ELEMENTS = {
    "a", "blockquote", "br", "code", "del", "em", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "s",
    "strong", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
ATTRIBUTES: dict[str, set[str]] = {
    "a": {"href", "title"},
    "li": {"id"},
    "h2": {"id"},
    "h3": {"id"},
    "h4": {"id"},
    "ol": {"start"},
    "th": {"scope"},
    "td": set(),
}
CLASSES = {"pre": {"action"}}
SCHEMES = {"https", "http", "mailto"}
OTHER_FILE = re.compile(r"(?:\.{0,2}/)*(?:[A-Za-z0-9_%.-]+/)*([a-z0-9][a-z0-9-]*)\.md(#.*)?")
OWN_ID = re.compile(r"[ \t]*\{#([a-z0-9][a-z0-9-]{0,59})\}[ \t]*$")


class Renderer(RendererHTML):
    """As the library renders, but pictures are links: nothing is fetched from elsewhere when a page is opened."""

    def image(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        token = tokens[idx]
        words = self.renderInlineAsText(token.children or [], options, env) or "picture"
        return f'<a href="{escapeHtml(str(token.attrs.get("src", "")))}">{escapeHtml(words)}</a>'

    def fence(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        """An action is marked, so that a page can say that a button does this."""
        if tokens[idx].info.strip() != "action":
            return super().fence(tokens, idx, options, env)
        return f'<pre class="action"><code>{escapeHtml(tokens[idx].content)}</code></pre>\n'


def _make() -> MarkdownIt:
    reader = MarkdownIt("commonmark", {"html": False, "linkify": False}, renderer_cls=Renderer)
    return reader.enable(["table", "strikethrough"])


_reader = _make()


def tokens_of(text: str) -> Tokens:
    """The tokens of a text; block tokens know their lines, from 0."""
    return _reader.parse(text)


def to_html(tokens: Tokens, *, ids: Mapping[int, str], title_line: int | None = None) -> str:
    """What may stand in a page: `ids` gives the element that begins at a line its id; the title is left out."""
    html = _reader.renderer.render(_shown(tokens, ids, title_line), _reader.options, {})
    return nh3.clean(
        html,
        tags=ELEMENTS,
        attributes=ATTRIBUTES,
        allowed_classes=CLASSES,
        url_schemes=SCHEMES,
        link_rel="noopener noreferrer",
        strip_comments=True,
    )


def to_plain(text: str, limit: int = 0) -> str:
    """The words alone, for mail, Slack and lists: no markup, no addresses, one line a block."""
    lines = (plain_of(token) for token in tokens_of(text) if token.type in ("inline", "fence", "code_block"))
    words = "\n".join(line for line in lines if line)
    return words[: limit - 1] + "…" if limit and len(words) > limit else words


def plain_of(token: Token) -> str:
    """The words of one inline token, of code as it is."""
    if token.type != "inline":
        return token.content.strip()
    parts = []
    for child in token.children or []:
        if child.type in ("softbreak", "hardbreak"):
            parts.append(" ")
        elif child.type == "image":
            parts.append("".join(each.content for each in child.children or []) or "picture")
        elif child.content:
            parts.append(child.content)
    return OWN_ID.sub("", "".join(parts)).strip()


def _shown(tokens: Tokens, ids: Mapping[int, str], title_line: int | None) -> Tokens:
    shown: Tokens = []
    hidden = False
    for token in tokens:
        line = token.map[0] if token.map else None
        if token.type == "heading_open" and line == title_line and line is not None:
            hidden = True
        if not hidden:
            shown.append(_changed(token, ids))
        elif token.type == "heading_close":
            hidden = False
    return shown


def _changed(token: Token, ids: Mapping[int, str]) -> Token:
    """A copy for showing: headings below the page's own, ids of steps and sections, own ids taken out of the text."""
    token = token.copy()
    if token.type.startswith("heading_"):
        token.tag = f"h{max(2, int(token.tag[1]))}"
    if token.map and token.type in ("heading_open", "list_item_open") and token.map[0] in ids:
        token.attrs = {**token.attrs, "id": ids[token.map[0]]}
    if token.type == "th_open":
        token.attrs = {"scope": "col"}
    elif token.type == "td_open":
        token.attrs = {}
    elif token.type == "inline":
        token.children = [_inline(child) for child in token.children or []]
    return token


def _inline(token: Token) -> Token:
    token = token.copy()
    if token.type == "text":
        token.content = OWN_ID.sub("", token.content)
    elif token.type == "link_open" and (other := OTHER_FILE.fullmatch(str(token.attrs.get("href", "")))):
        token.attrs = {**token.attrs, "href": f"/runbooks/{other[1]}/{other[2] or ''}"}
    return token
