"""The parser itself, against the standard library's as the reference."""

import gzip
import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from django.test import RequestFactory
from hypothesis import given
from hypothesis import strategies as st

from handoffs import intake as events
from opsportal.api import parsers
from opsportal.api.errors import Malformed, TooLarge
from slos.runs import intake as runs

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
PLAIN = (
    st.none() | st.booleans() | st.integers(-(2**63) + 1, 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
)
VALUES = st.recursive(
    PLAIN | TEXT, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4)
)


@given(VALUES, st.booleans())
def test_every_plain_value_is_read_as_the_standard_library_reads_it(value, ascii_only):
    assert parsers.loads(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_and_nothing_else(body):
    try:
        value = parsers.loads(body)
    except Malformed:
        return
    assert json.loads(body) == value or value != value


@given(st.lists(st.tuples(TEXT, PLAIN), min_size=2, max_size=5))
def test_a_repeated_key_is_refused_exactly_when_it_is_repeated(pairs):
    body = "{" + ",".join(f"{json.dumps(key)}:{json.dumps(value)}" for key, value in pairs) + "}"
    if len({key for key, _ in pairs}) < len(pairs):
        with pytest.raises(Malformed):
            parsers.loads(body.encode())
    else:
        assert parsers.loads(body.encode()) == dict(pairs)


def test_sixty_four_levels_are_read_and_one_more_is_not():
    assert parsers.loads(b"[" * 64 + b"]" * 64)
    with pytest.raises(Malformed):
        parsers.loads(b"[" * 65 + b"]" * 65)


def packed(body: bytes):
    return RequestFactory().post("/", body, content_type="application/json", headers={"Content-Encoding": "gzip"})


def test_gzip_is_unpacked_where_it_is_allowed():
    body = gzip.compress(b'{"a":') + gzip.compress(b"1}")
    assert parsers.read_body(packed(body), gzip_allowed=True) == b'{"a":1}'


def test_a_gzip_bomb_is_cut_at_the_limit():
    bomb = gzip.compress(b"0" * 50_000_000)
    assert len(bomb) < 60_000
    with pytest.raises(TooLarge):
        parsers.read_body(packed(bomb), gzip_allowed=True)


@pytest.mark.parametrize("damage", [b"nonsense", gzip.compress(b"{}")[:-5], gzip.compress(b"{}") + b"tail"])
def test_damaged_gzip_is_refused(damage):
    with pytest.raises(Malformed):
        parsers.read_body(packed(damage), gzip_allowed=True)


@pytest.mark.parametrize("decoder", [events.DECODER, runs.DECODER])
def test_a_shape_that_is_read_at_once_adds_no_key_that_the_line_did_not_write(decoder: msgspec.json.Decoder[Any]):
    """A key that stands twice is found by counting: one that is added would make up for it."""

    def structs(kind: object) -> Iterator[type[msgspec.Struct]]:
        if isinstance(kind, msgspec.inspect.StructType):
            yield kind.cls
        for name in getattr(kind, "__struct_fields__", ()):
            value = getattr(kind, name)
            for one in value if isinstance(value, tuple) else (value,):
                if isinstance(one, msgspec.inspect.Type | msgspec.inspect.Field):
                    yield from structs(one)

    found = list(structs(msgspec.inspect.type_info(decoder.type)))
    assert len(found) > 1
    assert [one.__name__ for one in found if not one.__struct_config__.omit_defaults] == []
