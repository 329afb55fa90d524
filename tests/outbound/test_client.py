"""How a request travels: pinned, bounded, alone (TRUST.md S59-S62)."""

import socket
import time
from pathlib import Path
from typing import Any

import pytest

from opsportal.outbound import client
from opsportal.outbound.errors import OutboundFailed, OutboundRefused
from tests.outbound.servers import OK, Server, answer, certificate_for, serving
from tests.outbound.test_policy import resolving


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def allow(settings: Any, *servers: Server, name: str = "") -> None:
    settings.OUTBOUND_ALLOW = [f"{name or server.host}:{server.port}" for server in servers]


def test_it_sends_what_it_was_given_and_nothing_more(settings: Any) -> None:
    with serving(answer()) as server:
        allow(settings, server)
        result = client.send(
            "POST",
            server.url,
            headers={"Content-Type": "application/json"},
            body=b'{"a":1}',
        )
    assert (result.status, result.body, result.cut) == (200, b"ok", False)
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /hook?x=1 HTTP/1.1"
    assert body == b'{"a":1}'
    assert {line.split(":")[0].lower() for line in lines[1:]} == {
        "host",
        "accept-encoding",
        "connection",
        "content-length",
        "user-agent",
        "content-type",
    }


def test_the_connection_goes_to_the_checked_address_even_when_the_name_moves(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        serving(answer(), host="127.0.0.2") as first,
        serving(answer(), host="127.0.0.3", port=first.port) as second,
    ):
        allow(settings, first, name="moving.example.com")
        asked = resolving(monkeypatch, ["127.0.0.2"], ["127.0.0.3"])
        client.send("POST", f"http://moving.example.com:{first.port}/", headers={})
    assert asked == ["moving.example.com"]
    assert len(first.requests) == 1
    assert not second.requests
    assert f"Host: moving.example.com:{first.port}".encode() in first.requests[0]


def test_a_name_that_turns_private_between_save_and_send_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from opsportal.outbound import policy

    with serving(answer()) as server:
        resolving(monkeypatch, ["93.184.216.34"], ["127.0.0.1"])
        policy.check_url(f"https://turning.example.com:{server.port}/")
        with pytest.raises(OutboundRefused):
            client.send("POST", f"https://turning.example.com:{server.port}/", headers={})
    assert not server.requests


def test_the_next_checked_address_is_tried_when_the_first_does_not_connect(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(answer(), host="127.0.0.5") as server:
        allow(settings, server, name="two.example.com")
        resolving(monkeypatch, ["127.0.0.4", "127.0.0.5"])
        assert client.send("GET", f"http://two.example.com:{server.port}/", headers={}).status == 200


def test_tls_is_checked_against_the_name_though_the_address_is_dialled(
    settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    context, authority = certificate_for(tmp_path, "right.example.com")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    with serving(answer(), tls=context) as server:
        settings.OUTBOUND_ALLOW = [
            f"right.example.com:{server.port}",
            f"wrong.example.com:{server.port}",
        ]
        resolving(monkeypatch, ["127.0.0.1"], ["127.0.0.1"])
        assert client.send("POST", f"https://right.example.com:{server.port}/", headers={}).status == 200
        with pytest.raises(OutboundFailed) as failure:
            client.send("POST", f"https://wrong.example.com:{server.port}/", headers={})
    assert failure.value.reason == "tls"
    assert not failure.value.may_have_arrived
    assert len(server.requests) == 1


def test_an_unknown_authority_is_not_trusted(settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    context, _ = certificate_for(tmp_path, "127.0.0.1")
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    with serving(answer(), tls=context) as server:
        allow(settings, server)
        with pytest.raises(OutboundFailed, match="certificate"):
            client.send("POST", f"https://{server.pair}/", headers={})
    assert not server.requests


def test_a_redirect_is_an_answer_and_not_followed(settings: Any) -> None:
    with serving(answer()) as inner:
        moved = f"HTTP/1.1 307 Moved\r\nLocation: {inner.url}\r\nContent-Length: 0\r\n\r\n".encode()
        with serving(answer(moved)) as server:
            allow(settings, server, inner)
            assert client.send("POST", server.url, headers={}, body=b"x").status == 307
    assert not inner.requests


def test_proxies_cookies_and_netrc_of_the_environment_are_ignored(
    settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with (
        serving(answer()) as proxy,
        serving(answer(OK.replace(b"OK\r\n", b"OK\r\nSet-Cookie: a=b\r\n"))) as server,
    ):
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
            monkeypatch.setenv(name.upper(), proxy.url)
        (tmp_path / ".netrc").write_text("machine 127.0.0.1 login a password b")
        monkeypatch.setenv("HOME", str(tmp_path))
        allow(settings, server)
        for _ in range(2):
            client.send("POST", server.url, headers={}, body=b"x")
    assert not proxy.requests
    assert len(server.requests) == 2
    assert b"cookie" not in server.requests[1].lower()
    assert b"authorization" not in server.requests[1].lower()


@pytest.mark.parametrize(
    "headers",
    [
        {"X-A": "a\r\nX-B: b"},
        {"X-A": "a\nb"},
        {"X-A": "a\r"},
        {"X-A": "a\r\n folded"},
        {"X-A": "nul\x00"},
        {"X A": "a"},
        {"X-A:": "a"},
        {"": "a"},
        {"X-A": "\u2028"},
        {"Host": "other"},
        {"Transfer-Encoding": "chunked"},
        {"Content-Length": "1"},
    ],
)
def test_a_header_that_could_smuggle_is_refused(settings: Any, headers: dict[str, str]) -> None:
    with serving(answer()) as server:
        allow(settings, server)
        with pytest.raises(OutboundRefused):
            client.send("POST", server.url, headers=headers)
    assert not server.requests


def drip(pause: float, head: bytes = b"", piece: bytes = b"a") -> Any:
    def talk(connection: socket.socket) -> None:
        connection.sendall(head)
        for _ in range(1000):
            connection.sendall(piece)
            time.sleep(pause)

    return talk


ENDLESS = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n", b"x" * 65_536),
        (ENDLESS, b"x" * 65_536),
        (CHUNKED, b"10000\r\n" + b"x" * 65_536 + b"\r\n"),
    ],
)
def test_a_huge_answer_is_cut_at_64_kb(settings: Any, head: bytes, piece: bytes) -> None:
    with serving(drip(0, head, piece)) as server:
        allow(settings, server)
        result = client.send("POST", server.url, headers={}, body=b"x")
    assert result.status == 200
    assert result.cut
    assert len(result.body) == 65_536
    assert result.seconds < 5


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n", ENDLESS])
def test_a_body_that_drips_is_cut_when_time_is_up(settings: Any, head: bytes) -> None:
    with serving(drip(0.2, head)) as server:
        allow(settings, server)
        result = client.send("POST", server.url, headers={}, body=b"x", timeout=1)
    assert result.status == 200
    assert result.cut
    assert 0 < len(result.body) < 10
    assert result.seconds < 1.5


@pytest.mark.parametrize(
    "talk",
    [
        drip(0.2, b"", b"H"),
        drip(0.2, b"HTTP/1.1 200 OK\r\n", b"X"),
        drip(0.2, b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        drip(0.2, b"HTTP/1.1 200 OK\r\n", b"X-A: a\r\n"),
    ],
)
def test_a_head_that_drips_ends_in_time(settings: Any, talk: Any) -> None:
    with serving(talk) as server:
        allow(settings, server)
        began = time.monotonic()
        with pytest.raises(OutboundFailed) as failure:
            client.send("POST", server.url, headers={}, body=b"x", timeout=1)
    assert failure.value.may_have_arrived
    assert failure.value.reason == "timeout"
    assert time.monotonic() - began < 3


def test_a_black_hole_ends_in_time_and_may_have_arrived(settings: Any) -> None:
    with serving(lambda connection: time.sleep(5)) as server:
        allow(settings, server)
        began = time.monotonic()
        with pytest.raises(OutboundFailed) as failure:
            client.send("POST", server.url, headers={}, body=b"x", timeout=0.5)
    assert failure.value.may_have_arrived
    assert time.monotonic() - began < 3


def test_a_receiver_that_never_reads_ends_in_time(settings: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        settings.OUTBOUND_ALLOW = [f"127.0.0.1:{port}"]
        began = time.monotonic()
        with pytest.raises(OutboundFailed) as failure:
            client.send(
                "POST",
                f"http://127.0.0.1:{port}/",
                headers={},
                body=b"x" * 50_000_000,
                timeout=1,
            )
    assert failure.value.may_have_arrived
    assert time.monotonic() - began < 3


def test_a_refused_connection_has_certainly_not_arrived(settings: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    settings.OUTBOUND_ALLOW = [f"127.0.0.1:{port}"]
    with pytest.raises(OutboundFailed, match="refused") as failure:
        client.send("POST", f"http://127.0.0.1:{port}/", headers={})
    assert not failure.value.may_have_arrived


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"garbage\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200,
    ],
)
def test_a_broken_answer_may_have_arrived(settings: Any, raw: bytes) -> None:
    with serving(answer(raw)) as server:
        allow(settings, server)
        with pytest.raises(OutboundFailed) as failure:
            client.send("POST", server.url, headers={}, body=b"x")
    assert failure.value.may_have_arrived


def test_a_body_that_ends_early_still_tells_its_status(settings: Any) -> None:
    with serving(answer(b"HTTP/1.1 201 Created\r\nContent-Length: 10\r\n\r\nabc")) as server:
        allow(settings, server)
        result = client.send("POST", server.url, headers={})
    assert (result.status, result.body, result.cut) == (201, b"abc", True)


def test_a_compressed_bomb_is_not_unpacked(settings: Any) -> None:
    import gzip

    bomb = gzip.compress(b"0" * 10_000_000)
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(bomb)}\r\n\r\n".encode()
    with serving(answer(head + bomb)) as server:
        allow(settings, server)
        assert client.send("POST", server.url, headers={}).body == bomb


def test_no_file_of_a_connection_stays_open(settings: Any) -> None:
    with serving(answer()) as server:
        allow(settings, server)
        client.send("POST", server.url, headers={})
        before = open_files()
        for _ in range(20):
            client.send("POST", server.url, headers={})
        time.sleep(0.3)
        assert open_files() <= before + 2
