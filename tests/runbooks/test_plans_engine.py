"""The field map and the course of a plan, on plain data."""

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsportal.errors import InvalidInput
from runbooks.plans.engine import course, transform
from runbooks.plans.engine.course import Next, Progress
from runbooks.plans.engine.transform import Change
from tests.factories.identity import NOW

HALF = Decimal("0.5")


def applied(body: Any, *steps: dict[str, Any]) -> Any:
    return json.loads(transform.apply(transform.read_steps(list(steps)), json.dumps(body).encode()))


@pytest.mark.parametrize(
    ("step", "after"),
    [
        ({"op": "set", "field": "a.b", "value": 3}, {"a": {"b": 3}, "l": [1, 2]}),
        ({"op": "set", "field": "x.y", "value": None}, {"a": {"b": 1}, "l": [1, 2], "x": {"y": None}}),
        ({"op": "set", "field": "l.1", "value": "z"}, {"a": {"b": 1}, "l": [1, "z"]}),
        ({"op": "rename", "field": "a.b", "to": "c"}, {"a": {}, "c": 1, "l": [1, 2]}),
        ({"op": "copy", "field": "a", "to": "d"}, {"a": {"b": 1}, "d": {"b": 1}, "l": [1, 2]}),
        ({"op": "remove", "field": "/a/b"}, {"a": {}, "l": [1, 2]}),
        ({"op": "remove", "field": "nothing.there"}, {"a": {"b": 1}, "l": [1, 2]}),
        ({"op": "remove", "field": "l.0"}, {"a": {"b": 1}, "l": [2]}),
    ],
)
def test_a_step_does_what_it_says(step: dict[str, Any], after: Any) -> None:
    assert applied({"a": {"b": 1}, "l": [1, 2]}, step) == after


def test_a_copy_does_not_change_with_its_original() -> None:
    copied = {"op": "copy", "field": "a", "to": "b"}
    assert applied({"a": {"n": 1}}, copied, {"op": "set", "field": "b.n", "value": 2}) == {"a": {"n": 1}, "b": {"n": 2}}


def test_amounts_keep_their_digits() -> None:
    steps = transform.read_steps([{"op": "remove", "field": "x"}])
    body = b'{"amount":10.50,"huge":12345678901234567,"tiny":0.1000000000000000055511151231257827}'
    assert transform.apply(steps, body) == body


@pytest.mark.parametrize(
    ("body", "code"), [(b"no", "not_json"), (b'{"a":NaN}', "not_json"), (b"[1]", "no_field"), (b'{"b":1}', "no_field")]
)
def test_a_body_that_cannot_be_transformed_says_why(body: bytes, code: str) -> None:
    steps = transform.read_steps([{"op": "rename", "field": "a", "to": "b"}])
    with pytest.raises(transform.Untransformable) as refusal:
        transform.apply(steps, body)
    assert refusal.value.code == code


@pytest.mark.parametrize(
    "steps",
    [
        {},
        [1],
        [{"op": "eval", "field": "a"}],
        [{"op": "set", "field": "a"}],
        [{"op": "remove", "field": ""}],
        [{"op": "remove", "field": "a..b"}],
        [{"op": "remove", "field": "a", "to": "b"}],
        [{"op": "set", "field": "a", "value": "x" * 5_000}],
        [{"op": "remove", "field": "a"}] * 51,
    ],
)
def test_a_field_map_that_is_none_is_refused(steps: Any) -> None:
    with pytest.raises(InvalidInput) as refusal:
        transform.read_steps(steps)
    assert refusal.value.field == "transform"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(min_size=1, max_size=4), inner, max_size=4),
    max_leaves=10,
)
OPS = st.one_of(
    st.fixed_dictionaries({"op": st.just("set"), "field": st.sampled_from(["a", "a.b", "c.0"]), "value": VALUES}),
    st.fixed_dictionaries({"op": st.just("remove"), "field": st.sampled_from(["a", "a.b", "c.0"])}),
    st.fixed_dictionaries(
        {"op": st.sampled_from(["rename", "copy"]), "field": st.sampled_from(["a", "c"]), "to": st.sampled_from("bd")}
    ),
)


@given(VALUES, st.lists(OPS, max_size=4))
def test_the_same_body_gives_the_same_bytes_and_no_difference_to_itself(value: Any, raw: list[Any]) -> None:
    body = json.dumps(value).encode()
    try:
        made = transform.apply(transform.read_steps(raw), body)
    except transform.Untransformable:
        return
    assert made == transform.apply(transform.read_steps(raw), body)
    after = transform.read_body(made)
    assert list(transform.changes(after, transform.read_body(made))) == []
    told = list(transform.changes(transform.read_body(body), after))
    assert bool(told) == (json.loads(body) != json.loads(made))


def test_the_difference_names_each_field() -> None:
    before, after = {"a": {"b": 1, "c": 2}, "l": [1, 2]}, {"a": {"b": 1, "d": 2}, "l": [1, 3]}
    assert list(transform.changes(before, after)) == [
        Change("a.c", "2", None),
        Change("a.d", None, "2"),
        Change("l.1", "2", "3"),
    ]


@pytest.mark.parametrize(
    ("whole", "canary", "expected"),
    [
        (Progress(to_go=5), None, Next.LET_GO),
        (Progress(moving=5), None, Next.WAIT),
        (Progress(delivered=5), None, Next.COMPLETE),
        (Progress(blocked=2, dead=1, delivered=4), None, Next.COMPLETE),
        (Progress(to_go=5), Progress(to_go=2), Next.LET_GO),
        (Progress(to_go=3, moving=2), Progress(moving=2), Next.WAIT),
        (Progress(to_go=3, delivered=2), Progress(delivered=2), Next.VERIFY),
        (Progress(delivered=2), Progress(delivered=2), Next.COMPLETE),
        (Progress(to_go=3, dead=2), Progress(dead=2), Next.ABORT),
        (Progress(moving=90, dead=6, delivered=4), None, Next.ABORT),
        (Progress(moving=90, dead=5, delivered=4), None, Next.WAIT),
        (Progress(moving=90, dead=5, delivered=5), None, Next.WAIT),
        (Progress(in_doubt=2, delivered=1), None, Next.ABORT),
    ],
)
def test_what_comes_next(whole: Progress, canary: Progress | None, expected: Next) -> None:
    assert course.next_move(whole, canary, abort_ratio=HALF) is expected


COUNTS = st.integers(0, 40)


@given(st.builds(Progress, COUNTS, COUNTS, COUNTS, COUNTS, COUNTS, COUNTS, COUNTS, COUNTS), st.decimals(0, 1))
def test_nothing_to_send_and_nothing_on_its_way_is_the_end(progress: Progress, ratio: Decimal) -> None:
    step = course.next_move(progress, None, abort_ratio=ratio)
    assert (step in (Next.COMPLETE, Next.ABORT)) or progress.to_go or progress.moving
    assert course.next_move(progress, None, abort_ratio=Decimal(1)) is not Next.ABORT


@given(st.integers(1, 60_000), st.lists(st.floats(0, 20), max_size=20))
def test_a_slower_plan_never_lets_more_go_than_its_own_rate(rate: int, pauses: list[float]) -> None:
    gone, now = 0, NOW
    for pause in pauses:
        now += timedelta(seconds=pause)
        gone += course.allowance(gone, since=NOW, now=now, rate_per_minute=rate)
        assert gone <= (now - NOW).total_seconds() * rate / 60 + 1
