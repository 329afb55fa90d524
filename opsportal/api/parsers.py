"""Reading bodies: strict JSON in UTF-8, bounded size, gzip where an address allows it."""

import json
import re
import zlib
from collections.abc import Iterator
from typing import IO, Any, NoReturn

from django.http import HttpRequest, UnreadablePostError
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.parsers import BaseParser

from opsportal.api.errors import Malformed, TooLarge

MAX_BODY_BYTES = 1024 * 1024
MAX_DEPTH = 64
MAX_INTEGER = 2**63 - 1
NUL_OR_SURROGATE = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
CHARSET = re.compile(r";\s*charset\s*=\s*\"?([^\s;\"]+)", re.IGNORECASE)


class StrictJSONParser(BaseParser):
    """`application/json` in UTF-8 and nothing else."""

    media_type = "application/json"

    def parse(self, stream: IO[bytes], media_type: str | None = None, parser_context: Any = None) -> Any:
        charset = CHARSET.search(media_type or "")
        if charset and charset[1].lower() not in ("utf-8", "utf8"):
            raise UnsupportedMediaType(media_type or "", "JSON is read in UTF-8 only.")
        return loads(stream.read())


def loads(body: bytes) -> Any:
    """Parse JSON as RFC 8259 and I-JSON have it; raises Malformed for duplicate keys, NUL, lone surrogates, NaN,
    numbers that 64 bits cannot hold, nesting deeper than 64, or anything that is not UTF-8."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise Malformed("not_utf8", "The body is not valid UTF-8.") from None
    try:
        value = json.loads(
            text, object_pairs_hook=_object, parse_constant=_constant, parse_float=_float, parse_int=_integer
        )
    except RecursionError:
        raise Malformed("too_deep", f"The body is nested deeper than {MAX_DEPTH}.") from None
    except ValueError as error:  # JSONDecodeError: its message names a position, never our code
        raise Malformed("not_json", f"The body is not JSON: {error}.") from None
    if text.count("[") + text.count("{") > MAX_DEPTH:
        _check_depth(value)
    if NUL_OR_SURROGATE.search(body):
        _check_strings(value)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise Malformed("duplicate_key", f"The key “{_printable(twice)}” stands twice in one object.")
    return value


def _constant(name: str) -> NoReturn:
    raise Malformed("not_a_number", f"{name} is not a JSON number.")


def _float(digits: str) -> float:
    value = float(digits)
    if value in (float("inf"), float("-inf")):
        raise Malformed("number_too_large", "A number is too large.")
    return value


def _integer(digits: str) -> int:
    if len(digits) > 20 or abs(int(digits)) > MAX_INTEGER:
        raise Malformed("number_too_large", "A whole number does not fit into 64 bits.")
    return int(digits)


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [inner for outer in level for inner in _children(outer) if isinstance(inner, dict | list)]
        if not level:
            return
    raise Malformed("too_deep", f"The body is nested deeper than {MAX_DEPTH}.")


def _children(value: dict[str, Any] | list[Any]) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else value


def _check_strings(value: Any) -> None:
    """Only reached when an escape in the body makes it possible. PostgreSQL stores no NUL, UTF-8 no lone surrogate."""
    text = json.dumps(value, ensure_ascii=False)
    if "\\u0000" in text:  # dumps escapes NUL even so; a literal backslash would read \\u0000 and is checked below
        _walk_for_nul(value)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise Malformed("lone_surrogate", "A string holds half of a surrogate pair.") from None


def _walk_for_nul(value: Any) -> None:
    waiting = [value]
    while waiting:
        here = waiting.pop()
        if isinstance(here, str) and "\x00" in here:
            raise Malformed("nul_character", "A string holds the character NUL.")
        if isinstance(here, dict):
            waiting.extend(here)
            waiting.extend(here.values())
        elif isinstance(here, list):
            waiting.extend(here)


def _printable(key: str) -> str:
    return key.encode("ascii", "backslashreplace").decode()[:60]


def read_body(request: HttpRequest, *, limit: int = MAX_BODY_BYTES, gzip_allowed: bool = False) -> bytes:
    """The whole body within `limit` bytes (after unpacking too), kept on the request for whoever reads it next.

    Raises TooLarge (413), Malformed (400) for a damaged stream, UnsupportedMediaType (415) for other encodings.
    """
    _check_declared(request, limit)
    try:
        body = request.read(limit + 1)
    except (UnreadablePostError, OSError):
        raise Malformed("unreadable", "The body ended early.") from None
    encoding = request.META.get("HTTP_CONTENT_ENCODING", "identity").strip().lower()
    if encoding == "gzip" and gzip_allowed:
        body = _gunzip(body, limit)
    elif encoding not in ("", "identity"):
        raise UnsupportedMediaType(encoding, f"The content encoding “{_printable(encoding)}” is not read here.")
    if len(body) > limit:
        raise TooLarge(f"At most {limit} bytes are read here.")
    request._body = body
    return body


def _gunzip(packed: bytes, limit: int) -> bytes:
    """Unpack at most `limit` bytes, whatever the archive promises; several members follow each other (RFC 1952)."""
    unpacked = bytearray()
    while packed:
        machine = zlib.decompressobj(wbits=31)
        try:
            unpacked += machine.decompress(packed, limit + 1 - len(unpacked))
        except zlib.error:
            raise Malformed("not_gzip", "The body is not valid gzip.") from None
        if len(unpacked) > limit:
            raise TooLarge(f"Unpacked, at most {limit} bytes are read here.")
        if not machine.eof:
            raise Malformed("not_gzip", "The gzip stream ends early.")
        packed = machine.unused_data
    return bytes(unpacked)


def stream_body(request: HttpRequest, *, limit: int, block: int = 64 * 1024) -> Iterator[bytes]:
    """The body piece by piece, unpacked where it is gzip, for bodies too long to be held; `limit` counts both before
    and after unpacking. One that its sender announced without a length (chunked) is read to its end.

    Raises as `read_body` does, at the piece where it shows: what came before has been handed out by then. A body that
    is shorter than announced raises Malformed at its end.
    """
    declared = _check_declared(request, limit)
    source = _counted(request, declared, block)
    encoding = request.META.get("HTTP_CONTENT_ENCODING", "identity").strip().lower()
    if encoding == "gzip":
        source = _unpacked(source, block)
    elif encoding not in ("", "identity"):
        raise UnsupportedMediaType(encoding, f"The content encoding “{_printable(encoding)}” is not read here.")
    total = 0
    for piece in source:
        total += len(piece)
        if total > limit:
            raise TooLarge(f"Unpacked, at most {limit} bytes are read here.")
        yield piece


def _check_declared(request: HttpRequest, limit: int) -> int | None:
    declared = request.META.get("CONTENT_LENGTH") or ""
    if not declared.isdecimal():
        return None
    if int(declared[:18]) > limit:
        raise TooLarge(f"At most {limit} bytes are read here.")
    return int(declared)


def _counted(request: HttpRequest, declared: int | None, block: int) -> Iterator[bytes]:
    chunked = declared is None and "HTTP_TRANSFER_ENCODING" in request.META
    # Django reads nothing without a length; the server below it knows where a chunked body ends.
    read = request.META["wsgi.input"].read if chunked else request.read
    seen = 0
    while True:
        try:
            piece: bytes = read(block)
        except (UnreadablePostError, OSError):
            raise Malformed("unreadable", "The body ended early.") from None
        if not piece:
            break
        seen += len(piece)
        yield piece
    if declared is not None and seen < declared:
        raise Malformed("unreadable", "The body ended early.")


def _unpacked(packed: Iterator[bytes], block: int) -> Iterator[bytes]:
    """Never more than `block` bytes at once, whatever the archive holds."""
    machine = zlib.decompressobj(wbits=31)
    begun = False
    for piece in packed:
        while piece:
            begun = True
            try:
                yield machine.decompress(piece, block)
            except zlib.error:
                raise Malformed("not_gzip", "The body is not valid gzip.") from None
            piece = machine.unconsumed_tail
            if machine.eof:  # several members follow each other (RFC 1952)
                piece, machine, begun = machine.unused_data, zlib.decompressobj(wbits=31), False
    if begun:
        raise Malformed("not_gzip", "The gzip stream ends early.")
