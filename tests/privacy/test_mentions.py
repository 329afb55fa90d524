"""A key is found as a whole, however it is written, and others that look alike are left alone."""

import json

import pytest

from opsportal.audit.mentions import Mentions


@pytest.mark.parametrize(
    "text",
    [
        "ann@example.org",
        "Mail to <Ann@Example.org>.",
        "mailto:ann@example.org?x",
        "?q=ann%40example.org&n=1",
        "It was ANN@EXAMPLE.ORG",
        "ann@example.org\nand others",
    ],
)
def test_an_address_is_found_however_it_is_written(text: str) -> None:
    taken = Mentions(["ann@example.org"]).taken_out_of(text)
    assert "[erased]" in taken
    assert "ann" not in taken.lower().replace("and others", "")


@pytest.mark.parametrize(
    "text", ["joann@example.org", "jo.ann@example.org", "jo-ann@example.org", "ann@example.org.uk", "ann@example.orga"]
)
def test_another_address_is_left_alone(text: str) -> None:
    assert Mentions(["ann@example.org"]).taken_out_of(text) == text


@pytest.mark.parametrize("text", ["lead-42", "big-lead-4", "lead-4-b", "alead-4"])
def test_a_longer_key_is_left_alone(text: str) -> None:
    assert not Mentions(["lead-4"]).stand_in(text)


def test_it_reaches_into_json_and_bytes_and_escapes() -> None:
    zoe = Mentions(["Zo\u00eb Marker"])
    assert zoe.taken_out_of({"a": ["of Zo\u00eb Marker.csv", 3], "Zo\u00eb Marker": None}) == {
        "a": ["of [erased].csv", 3],
        "[erased]": None,
    }
    assert zoe.taken_out_of('{"n": "Zo\\u00eb Marker"}') == '{"n": "[erased]"}'
    assert zoe.stand_in("Zo\u00eb Marker".encode())
    assert not zoe.stand_in(b"\xff\xfe")


@pytest.mark.parametrize(
    "text",
    [json.dumps({"reason": "see:\nlead-42"}), "a\\tlead-42", "?next=%2Fleads%2Flead-42", "to%20lead-42%20only"],
)
def test_an_escape_before_a_key_hides_nothing(text: str) -> None:
    assert "lead-42" not in Mentions(["lead-42"]).taken_out_of(text)


@pytest.mark.parametrize("text", ["joe%2Bann%40example.org", "joe%2Eann%40example.org", "joe%2dann@example.org"])
def test_an_escaped_sign_belongs_to_the_longer_address(text: str) -> None:
    assert not Mentions(["ann@example.org"]).stand_in(text)


def test_a_key_that_came_as_a_number_is_found() -> None:
    person = Mentions(["12345678"])
    assert person.taken_out_of({"id": 12345678, "n": 123456789, "yes": True}) == {
        "id": "[erased]",
        "n": 123456789,
        "yes": True,
    }
