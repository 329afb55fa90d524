"""Reading a runbook: head, parts, steps, what is wrong at which line, and which step is still the same step."""

import itertools
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runbooks.library.engine import checking, comparing, document, front_matter
from runbooks.library.engine.document import read
from runbooks.library.engine.identity import Known, keys_for
from tests.factories.library import PARTS, a_text


def problems(text: str, **only: bool) -> list[tuple[int, str]]:
    return [(one.line, one.code) for one in checking.problems_of(read(text)) if one.is_error is not only.get("notes")]


def test_a_whole_runbook_has_nothing_wrong():
    found = read(a_text(automation="lead-router", rules="[speed-to-lead, handback]"))
    assert checking.problems_of(found) == []
    assert (found.title, found.kind, found.form) == ("Lead Router", "runbook", "incident")
    assert (found.automations, found.rules) == (["lead-router"], ["speed-to-lead", "handback"])


def test_steps_are_numbered_within_their_part_and_know_their_line():
    text = a_text()
    steps = read(text).steps
    assert [(step.section, step.number, step.title) for step in steps[:4]] == [
        ("diagnostics", 1, "Open the runs of the last hour."),
        ("diagnostics", 2, "Look at the vendor's status page."),
        ("remediation", 1, "Pause the router."),
        ("remediation", 2, "Store leads."),
    ]
    assert steps[2].check == "its page says paused."
    for step in steps:
        assert step.title in text.splitlines()[step.line - 1]


@pytest.mark.parametrize("name", PARTS)
def test_a_missing_part_is_told_at_the_end(name: str):
    text = a_text(parts={key: value for key, value in PARTS.items() if key != name})
    assert problems(text) == [(text.count("\n") + 1, "part_missing")]


def test_what_is_wrong_is_told_at_its_line():
    text = "\n".join(
        [
            "---",
            "title: Lead Router",
            "kind: novel",
            "automation: Lead Router!",
            "review_every_days: soon",
            "---",
            "## Signals",
            "## Diagnostic steps",
            "Look.",
            "## 3. Remediation actions",
            "Do something.",
            "## Rollback procedure",
            "Undo it.",
            "## Communication protocol",
            "Tell them.",
            "",
        ]
    )
    assert problems(text) == [
        (3, "kind"),
        (4, "automation"),
        (5, "review_every_days"),
        (7, "part_empty"),
        (10, "steps_missing"),
    ]


def test_a_playbook_guides_without_numbered_steps():
    assert problems(a_text(kind="playbook", parts=PARTS | {"Remediation": "Think it over with the owner."})) == []


def test_a_handoff_page_asks_for_its_own_parts():
    names = ("Owner", "SLA", "Trigger", "Trace", "Consequence", "Failure modes", "Rollback", "Link")
    assert problems(a_text(form="handoff", parts=dict.fromkeys(names, "Said."))) == []
    assert {code for _, code in problems(a_text(form="handoff"))} == {"part_missing"}


@pytest.mark.parametrize(
    ("head", "line"),
    [
        ("title: a\ntitle: b", 3),
        ("title: &a x\nkind: *a", 2),
        ("- a\n- b", 2),
        ("title: [a", 3),
        ("a: " + "[" * 3000, 2),
        ("title: " + "x" * 30_000, 2),
        ("title: \x07", 2),
    ],
)
def test_a_head_that_cannot_be_read_is_told_and_nothing_breaks(head: str, line: int):
    found = checking.problems_of(read(f"---\n{head}\n---\n## Signals\n\nx\n"))
    assert (found[0].code, found[0].line) == ("front_matter", line)


def test_the_properties_of_a_page_from_notion_are_its_head():
    body = a_text().partition("---\n\n")[2]
    found = read(f"# Lead Router\n\nKind: Playbook\nAutomations: lead-router, deal-sync\n\n{body}")
    assert (found.title, found.kind, found.automations) == ("Lead Router", "playbook", ["lead-router", "deal-sync"])
    assert checking.errors_of(found) == []


def test_an_action_is_read_with_its_parameters():
    fence = "1. Pause.\n\n   ```action\n   do: pause-automation\n   automation: lead-router\n   ```\n2. Next."
    step = read(a_text(parts=PARTS | {"Remediation": fence})).steps[2]
    assert (step.action.kind, dict(step.action.parameters)) == ("pause-automation", {"automation": "lead-router"})
    broken = a_text(parts=PARTS | {"Remediation": fence.replace("do: ", "do: [")})
    assert [code for _, code in problems(broken)] == ["action"]


def test_a_head_is_changed_without_touching_the_rest():
    text = "---\r\ntitle: A # note\r\nrules:\r\n  - one\r\n  - two\r\nkind: playbook\r\n---\r\nBody\r\n"
    changed = front_matter.with_values(text, {"kind": "runbook", "rules": None, "title": "yes"})
    assert changed == '---\r\nkind: runbook\r\ntitle: "yes"\r\n---\r\nBody\r\n'
    assert front_matter.with_values("Body\n", {"kind": "runbook"}) == "---\nkind: runbook\n---\n\nBody\n"


@given(st.text(max_size=60).filter(lambda text: all(char.isprintable() for char in text)))
def test_any_value_written_to_a_head_is_read_back(value: str):
    assert front_matter.read(front_matter.with_values("x", {"title": value})).values == {"title": value}


HOSTILE_LINES = st.sampled_from(
    r"""--- |title: x|# A|## Signals|## Remediation|1. Do|   more|- x|> 1. q|```action|```|do: x|a: &b *b|{#id}
1) b {#id}|Check: it|[x](y)|""".replace("\n", "|").split("|")
    + ["---", "\t- x", "|a|b|", "|-|-|", "\u2028", "\x0b", "\r", "  "]
)


@settings(max_examples=300)
@given(st.lists(HOSTILE_LINES, max_size=40).map("\n".join) | st.text(max_size=400))
def test_any_text_can_be_read_checked_and_shown(text: str):
    found = read(text)
    last = len(front_matter.lines_of(text))
    for one in checking.problems_of(found):
        assert 0 <= one.line <= last + 1
    keys = keys_for(found.steps, [], [])
    assert len(set(keys)) == len(keys) == len(found.steps)
    html = document.to_html(found, {step.line: key for step, key in zip(found.steps, keys, strict=True)})
    assert "<script" not in html
    for key in keys:
        assert html.count(f'id="step-{key}"') == 1


VOCABULARY = "pause the router and tell sales about it before you replay what was held"
WORDS = st.lists(st.sampled_from(VOCABULARY.split()), min_size=3, max_size=9).map(" ".join)


def as_runbook(steps: list[str]) -> document.Document:
    return read(a_text(parts=PARTS | {"Remediation": "\n".join(f"1. {step}" for step in steps), "Diagnostics": "Look.",
                                      "Rollback": "Undo."}))  # fmt: skip


def known(found: document.Document, keys: list[str]) -> list[Known]:
    return [Known(key, step.section, step.text) for key, step in zip(keys, found.steps, strict=True)]


@given(st.lists(WORDS, min_size=1, max_size=8, unique=True), st.randoms(use_true_random=False))
def test_steps_keep_their_keys_in_any_order(steps: list[str], random):
    first = as_runbook(steps)
    keys = keys_for(first.steps, [], [])
    mixed = random.sample(steps, len(steps))
    later = keys_for(as_runbook(mixed).steps, known(first, keys), keys)
    assert dict(zip(mixed, later, strict=True)) == dict(zip(steps, keys, strict=True))


@given(st.lists(WORDS, max_size=8), st.lists(WORDS, max_size=8))
def test_keys_are_unique_and_none_is_given_to_another_step_later(old: list[str], new: list[str]):
    first = as_runbook(old)
    keys = keys_for(first.steps, [], [])
    gone = as_runbook(new)
    middle = keys_for(gone.steps, known(first, keys), keys)
    assert len(set(middle)) == len(middle)
    last = keys_for(as_runbook([*new, "Call the vendor by telephone"]).steps, known(gone, middle), [*keys, *middle])
    assert last[-1] not in {*keys, *middle}
    assert last[:-1] == middle


def test_a_step_with_some_words_changed_is_the_same_step_and_a_new_one_is_not():
    first = as_runbook(["Pause the router in n8n", "Tell sales what to expect"])
    keys = keys_for(first.steps, [], [])
    later = as_runbook(["Ask the vendor", "Tell sales what they can expect", "Pause the lead router in n8n now"])
    assert keys_for(later.steps, known(first, keys), keys) == ["ask-the-vendor", keys[1], keys[0]]


def test_an_id_in_the_text_decides():
    first = as_runbook(["Pause the router {#pause}", "Tell sales"])
    keys = keys_for(first.steps, [], [])
    assert keys == ["pause", "tell-sales"]
    later = as_runbook(["Stop everything that is running {#pause}"])
    assert keys_for(later.steps, known(first, keys), keys) == ["pause"]


@given(st.lists(st.sampled_from("abcd"), max_size=30), st.lists(st.sampled_from("abcd"), max_size=30))
def test_a_comparison_tells_both_texts(old: list[str], new: list[str]):
    lines = comparing.compare("\n".join(old), "\n".join(new), around=100)
    if "\n".join(old) != "\n".join(new):
        assert [one.text for one in lines if one.kind in ("same", "removed")] == (old or [""])
        assert [one.text for one in lines if one.kind in ("same", "added")] == (new or [""])


@pytest.mark.parametrize("piece", [*"[`\\", "*a ", "![](", "> ", "1. a\n", "<a ", "|a", "_*", "- - - ", "a[^", "&#x"])
def test_no_text_takes_long(piece: str):
    text = (piece * 50_000)[:50_000]
    began = time.monotonic()
    found = read(text)
    checking.problems_of(found)
    keys = keys_for(found.steps, [], [])
    document.to_html(found, dict(itertools.zip_longest((step.line for step in found.steps), keys, fillvalue="")))
    assert time.monotonic() - began < 5
