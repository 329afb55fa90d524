import pytest

from opsportal.audit import sentences
from opsportal.audit.engine import Actor, Subject
from opsportal.audit.models import Detail, Entry
from opsportal.audit.operations import erase_details, record
from tests.factories.audit import KIM, NOW, draft, write

pytestmark = pytest.mark.django_db


@pytest.fixture
def told(monkeypatch):
    """Register a sentence for `probe.moved` and tell an entry with it."""

    def tell(template: str, **fields: object) -> str:
        monkeypatch.setitem(sentences._sentences, "probe.moved", template)
        return sentences.sentence(Entry.objects.get(pk=record(draft(**fields)).pk))

    return tell


def test_it_fills_in_who_what_and_why(told):
    text = told(
        "{actor} moved {subject} from {before[owner]} to {after[owner]}: {reason}.", subject=Subject("p", "1", "Acme")
    )
    assert text == "Kim Berg moved Acme from kim to lee: On holiday."


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{actor} moved it: {reason}.", "Kim Berg moved it."),
        ("{actor} moved it ({reason})", "Kim Berg moved it"),
        ("{actor} moved it. {reason}", "Kim Berg moved it."),
        ("{actor} moved it – {reason}", "Kim Berg moved it"),
        ("{actor} moved it: {reason}", "Kim Berg moved it"),
    ],
)
def test_no_reason_leaves_nothing_dangling(told, template, expected):
    assert told(template, reason="") == expected


def test_a_reason_that_ends_with_a_full_stop_does_not_end_twice(told):
    assert told("{actor} moved it: {reason}.", reason="Asked.") == "Kim Berg moved it: Asked."


def test_a_missing_field_is_a_dash(told):
    assert told("from {before[nothing]} to {after[nothing]} by {rule}") == "from – to – by –"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (True, "yes"),
        (False, "no"),
        (None, "–"),
        ("", "–"),
        ([], "–"),
        (["a", "b"], "a, b"),
        ({"a": 1}, "a 1"),
        (12, "12"),
        ("2026-11-03T09:00:00Z", "3 Nov 2026, 09:00 UTC"),
        ("2026-99-03T09:00:00Z", "2026-99-03T09:00:00Z"),
        ("x" * 300, "x" * 199 + "…"),
    ],
)
def test_values_are_words(told, value, words):
    assert told("{after[x]}", after={"x": value}) == words


@pytest.mark.parametrize(
    "attack",
    [
        "{actor.__class__}",
        "{0}",
        "{actor!r}",
        "{before.__init__.__globals__}",
        "{after[owner].__class__}",
        "{{actor}}",
        "%(actor)s",
        "{before[__class__]}x",
    ],
)
def test_only_placeholders_are_replaced(told, attack):
    text = told("said " + attack)
    assert "class '" not in text
    assert "<" not in text
    assert "{actor" in text or attack not in ("{actor.__class__}", "{actor!r}")


def test_placeholders_in_values_stay_text(told):
    assert told("{actor}: {reason}", reason="{subject} {actor.__class__}") == "Kim Berg: {subject} {actor.__class__}"


def test_an_unknown_action_is_told_by_its_name():
    [entry] = write(action="probe.never_heard_of", subject=Subject("probe", "1", "Acme"))
    assert sentences.sentence(entry) == "Kim Berg: probe.never heard of Acme: On holiday"


def test_a_subject_without_a_label_is_told_by_its_key(told):
    assert told("{subject}", subject=Subject("handoff_rule", "speed")) == "handoff rule speed"


@pytest.mark.parametrize(
    ("actor", "label"),
    [(KIM, "a person"), (Actor("token", "3", "n8n"), "a token"), (Actor.system("sweep"), "somebody")],
)
def test_an_erased_detail_is_told_by_kinds_and_keys(told, actor, label):
    told("{actor} moved {subject} to {after[owner]}: {reason}.", actor=actor, subject=Subject("probe", "p-9", "Acme"))
    entries = Entry.objects.filter(action="probe.moved")
    erase_details(subject=Subject("person", "7"), entries=entries, actor=KIM, reason="Asked", now=NOW)
    entry = Entry.objects.select_related("detail").get(action="probe.moved")
    assert sentences.sentence(entry) == f"{label} moved probe p-9 to –."
    assert sentences.is_erased(entry)


@pytest.mark.parametrize("body", ["[]", "nonsense", "3", '{"before": 3, "after": null, "reason": 5}'])
def test_a_detail_of_another_shape_is_told_all_the_same(told, body):
    told("{actor} {before[x]} {after[x]} {reason}")
    entry = Entry.objects.select_related("detail").get()
    entry.detail.body = body
    assert sentences.sentence(entry).startswith("a person – –")


def test_a_missing_detail_is_told_all_the_same(told):
    told("{actor} moved it")
    entry = Entry.objects.get()
    entry._state.fields_cache["detail"] = None
    assert sentences.detail_of(Entry(pk=-1)) == {}
    assert not Detail.objects.filter(pk=-1).exists()


def test_two_rooms_may_not_tell_one_action_differently(monkeypatch):
    monkeypatch.setattr(sentences, "_sentences", {"probe.moved": "{actor} moved it"})
    sentences.register({"probe.moved": "{actor} moved it"})
    with pytest.raises(ValueError, match=r"probe\.moved"):
        sentences.register({"probe.moved": "something else"})


def test_every_registered_sentence_uses_known_placeholders_only():
    for action, template in sentences._sentences.items():
        left = sentences.PLACEHOLDER.sub("", template)
        assert "{" not in left, f"{action}: {template}"
