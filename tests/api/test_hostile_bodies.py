"""Bodies that break parsers elsewhere: each gets a 4xx problem, none a 500, none an effect."""

import gzip

import pytest

from opsportal.identity.models import Team
from tests.factories import api

pytestmark = pytest.mark.django_db

DEEP = 100_000


def named(name: bytes) -> bytes:
    return b'{"slug": "sales", "name": ' + name + b"}"


HOSTILE = {
    "nothing at all": (b" ", 400, "not_json"),
    "half an object": (b'{"slug": "sales"', 400, "not_json"),
    "two values": (b'{"slug": "sales"} {"slug": "x"}', 400, "not_json"),
    "single quotes": (b"{'slug': 'sales'}", 400, "not_json"),
    "a trailing comma": (b'{"slug": "sales",}', 400, "not_json"),
    "a comment": (b'{"slug": "sales" /* hi */}', 400, "not_json"),
    "a raw control character": (named(b'"a\x01b"'), 400, "not_json"),
    "a raw NUL": (named(b'"a\x00b"'), 400, "not_json"),
    "an escaped NUL": (named(rb'"a\u0000b"'), 400, "nul_character"),
    "an escaped NUL in a key": (rb'{"a\u0000b": 1}', 400, "nul_character"),
    "an escaped NUL deep inside": (named(rb'["x", {"y": ["\u0000"]}]'), 400, "nul_character"),
    "a lone high surrogate": (named(rb'"\ud800"'), 400, "lone_surrogate"),
    "a lone low surrogate": (named(rb'"\uDC00x"'), 400, "lone_surrogate"),
    "a lone surrogate as a key": (rb'{"\udfff": 1}', 400, "lone_surrogate"),
    "surrogates in the wrong order": (named(rb'"\udc00\ud800"'), 400, "lone_surrogate"),
    "deep lists": (b"[" * DEEP + b"]" * DEEP, 400, "too_deep"),
    "deep objects": (b'{"a":' * DEEP + b"1" + b"}" * DEEP, 400, "too_deep"),
    "lists of depth 65": (named(b"[" * 64 + b"]" * 64), 400, "too_deep"),
    "a key twice": (b'{"slug": "sales", "name": "A", "slug": "other"}', 400, "duplicate_key"),
    "a key twice, once escaped": (rb'{"slug": "sales", "sl\u0075g": "other"}', 400, "duplicate_key"),
    "a key twice deep inside": (named(b'{"a": {"b": 1, "b": 2}}'), 400, "duplicate_key"),
    "NaN": (named(b"NaN"), 400, "not_a_number"),
    "Infinity": (named(b"-Infinity"), 400, "not_a_number"),
    "1e999": (named(b"1e999"), 400, "number_too_large"),
    "-1e999": (named(b"-1e999"), 400, "number_too_large"),
    "5,000 digits": (named(b"9" * 5000), 400, "number_too_large"),
    "2 to the 63": (named(b"9223372036854775808"), 400, "number_too_large"),
    "a leading zero": (named(b"007"), 400, "not_json"),
    "hexadecimal": (named(b"0x10"), 400, "not_json"),
    "UTF-16": ('{"slug": "sales", "name": "A"}'.encode("utf-16"), 400, "not_utf8"),
    "UTF-16 without a mark": ('{"slug": "sales"}'.encode("utf-16-le"), 400, "not_json"),
    "Latin-1": ('{"slug": "sales", "name": "Söhne"}'.encode("latin-1"), 400, "not_utf8"),
    "an overlong encoding": (named(b'"\xc0\xaf"'), 400, "not_utf8"),
    "an encoded surrogate": (named(b'"\xed\xa0\x80"'), 400, "not_utf8"),
    "a byte order mark": (b"\xef\xbb\xbf" + named(b'"A"'), 400, "not_json"),
    "a list instead of an object": (b"[]", 422, ""),
    "a string instead of an object": (b'"sales"', 422, ""),
    "null instead of an object": (b"null", 422, ""),
    "a number instead of an object": (b"7", 422, ""),
    "a number for a name": (named(b"7"), 422, "wrong_type"),
    "true for a name": (named(b"true"), 422, "wrong_type"),
    "a list for a name": (named(b'["A"]'), 422, "wrong_type"),
    "null for a name": (named(b"null"), 422, "null"),
    "an unknown field": (b'{"slug": "sales", "name": "A", "is_staff": true}', 422, "unknown_field"),
    "a line break in a name": (named(rb'"A\r\nBcc: x"'), 422, ""),
    "a name too long": (named(b'"' + b"a" * 500 + b'"'), 422, "max_length"),
    "nothing needed is there": (b"{}", 422, "required"),
    "a body too large": (named(b'"' + b"a" * 1_100_000 + b'"'), 413, "too_large"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_body_is_refused_without_an_effect(name):
    body, status, code = HOSTILE[name]
    api.assert_problem(api.caller().post("teams/", body), status, code)
    assert not Team.objects.exists()


def test_what_only_looks_hostile_is_taken():
    body = rb'{"slug": "sales", "name": "a\\u0000 \ud83d\ude00 \u00fc 1e999"}'
    assert api.caller().post("teams/", body).status_code == 201
    assert Team.objects.get().name == "a\\u0000 😀 ü 1e999"


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "text/html",
        "application/xml",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=utf-16",
        "application/json; charset=latin-1",
        "application/jsonx",
        "",
        "nonsense",
    ],
)
def test_another_content_type_is_refused(content_type):
    body = b'{"slug": "sales", "name": "A"}'
    api.assert_problem(api.caller().post("teams/", body, Content_Type=content_type), 415)
    assert not Team.objects.exists()


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json; charset=utf-8", 'Application/JSON;charset="UTF-8"']
)
def test_json_in_utf_8_is_taken_however_it_is_spelled(content_type):
    assert api.caller().post("teams/", {"slug": "a", "name": "A"}, Content_Type=content_type).status_code == 201


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "gzip, gzip", "zstd", "x" * 5000])
def test_packed_bodies_are_refused_where_they_are_not_declared(encoding):
    body = gzip.compress(b'{"slug": "sales", "name": "A"}')
    api.assert_problem(api.caller().post("teams/", body, Content_Encoding=encoding), 415)


def test_a_lying_content_length_changes_nothing():
    caller = api.caller()
    body = b'{"slug": "sales", "name": "A"}'
    for length in ("0", "abc", "-5", "99999999999999999999"):
        answer = caller.client.generic(
            "POST",
            "/api/v1/teams/",
            body,
            content_type=api.JSON,
            headers={"Authorization": f"Bearer {caller.text}"},
            CONTENT_LENGTH=length,
        )
        assert 400 <= answer.status_code < 500, (length, answer.content)
        api.assert_problem(answer, answer.status_code)
