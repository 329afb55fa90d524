"""Which addresses may be sent to (TRUST.md S57-S59)."""

import socket
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsportal.outbound import client, policy, resolver
from opsportal.outbound.errors import OutboundFailed, OutboundRefused

PRIVATE = [
    "127.0.0.1",
    "127.1.2.3",
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.0.1",
    "100.64.0.1",
    "100.127.255.255",
    "169.254.169.254",
    "169.254.0.1",
    "192.0.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::ffff:8.8.8.8]",
    "[::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b::8.8.8.8]",
    "[2002:7f00:1::]",
    "[2001:db8::1]",
    "[2001:0:1::1]",
    "[fc00::1]",
    "[fd00:ec2::254]",
    "[fe80::1]",
    "[fec0::1]",
    "[ff02::1]",
    "[5f00::1]",
]
DISGUISED = [
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0x7f.0.0.1/",
    "https://0177.0.0.1/",
    "https://017700000001/",
    "https://127.1/",
    "https://127.0.1/",
    "https://0/",
    "https://1/",
    "https://127.0.0.1./",
    "https://example.com./",
    "https://0x/",
    "https://127.0.0.01/",
    "https://256.1.1.1/",
    "https://1.2.3/",
    "https://foo.0x7f/",
    "https://[::1%25lo]/",
    "https://[fe80::1%lo]/",
    "https://user@example.com/",
    "https://user:secret@example.com/",
    "https://@example.com/",
    "https://example.com@127.0.0.1/",
    "https://example.com\\@127.0.0.1/",
    "https://example.com#@127.0.0.1\\/",
    "https://ⓔxample.com/",
    "https://１２７.0.0.1/",
    "https://exämple.com/",
    "https://example。com/",
    "https://exa\xadmple.com/",
    "https://example.com:0/",
    "https://example.com:/",
    "https://example.com:99999/",
    "https://example.com:8a/",
    "https:///path",
    "https://",
    "https:example.com",
    "//example.com/",
    "example.com",
    "http://example.com/",
    "ftp://example.com/",
    "file:///etc/passwd",
    "gopher://example.com/",
    "javascript:alert(1)",
    "data:,x",
    "https://localhost/",
    "https://LOCALHOST/",
    "https://db.localhost/",
    "https://router.local/",
    "https://x.internal/",
    "https://intranet/",
    "https://-a.example/",
    "https://a..example.com/",
    "https://.example.com/",
    "https://exa%6dple.com/",
    "https://[example.com]/",
    "https://[127.0.0.1]/",
    "https://a_b-.example.com/",
]


def resolving(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Let the resolver give these addresses, one list a call; the names asked for are kept."""
    asked: list[str] = []
    waiting = list(answers)

    def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        if not waiting:
            raise socket.gaierror(-2, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in waiting.pop(0)]

    monkeypatch.setattr(resolver, "getaddrinfo", getaddrinfo)
    return asked


@pytest.mark.parametrize("host", PRIVATE)
def test_an_address_that_is_not_public_is_refused_at_save_and_at_send(
    host: str,
) -> None:
    with pytest.raises(OutboundRefused):
        policy.check_url(f"https://{host}/")
    with pytest.raises(OutboundRefused):
        client.send("POST", f"https://{host}:8443/x", headers={})


@pytest.mark.parametrize("url", DISGUISED)
def test_a_disguised_address_is_refused_by_its_form(url: str) -> None:
    with pytest.raises(OutboundRefused):
        policy.parse(url)


@pytest.mark.parametrize("address", [host.strip("[]") for host in PRIVATE])
def test_a_name_that_leads_to_a_private_address_is_refused(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    resolving(monkeypatch, [address], ["93.184.216.34", address])
    with pytest.raises(OutboundRefused):
        policy.check_url("https://innocent.example.com/")
    with pytest.raises(OutboundRefused):
        client.send("POST", "https://innocent.example.com/", headers={})


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.slack.com/services/T/B/x",
        "https://8.8.8.8/",
        "https://[2606:4700::1111]:8443/a?b=c",
        "https://xn--bcher-kva.example.com/",
    ],
)
def test_a_public_address_is_accepted(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    resolving(monkeypatch, ["93.184.216.34", "2606:4700::1111"])
    assert policy.check_url(url).scheme == "https"


def test_a_name_that_does_not_resolve_may_be_saved_but_is_never_sent_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resolving(monkeypatch)
    policy.check_url("https://soon.example.com/")
    with pytest.raises(OutboundFailed) as failure:
        client.send("POST", "https://soon.example.com/", headers={})
    assert failure.value.reason == "dns"
    assert not failure.value.may_have_arrived


@pytest.mark.parametrize("error", [OSError("broken"), UnicodeError("label too long"), ValueError("odd")])
def test_any_error_of_the_resolver_closes_the_door(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(resolver, "getaddrinfo", broken)
    with pytest.raises(OutboundFailed):
        client.send("POST", "https://x.example.com/", headers={})


def test_a_resolver_that_hangs_costs_only_the_time_allowed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    release = threading.Event()
    monkeypatch.setattr(resolver, "getaddrinfo", lambda *_, **__: [] if release.wait(20) else [])
    with pytest.raises(OutboundFailed):
        client.send("POST", "https://x.example.com/", headers={}, timeout=0.3)
    release.set()


def test_only_the_exact_pair_of_the_allow_list_is_open(settings: Any) -> None:
    settings.OUTBOUND_ALLOW = ["127.0.0.1:8123", "receiver:9000", "[::1]:7000"]
    assert policy.parse("http://127.0.0.1:8123/x").allowed
    assert policy.parse("http://Receiver:9000/x").allowed
    assert policy.parse("http://[::1]:7000/").authority == "[::1]:7000"
    for url in (
        "http://127.0.0.1:8124/",
        "http://127.0.0.2:8123/",
        "http://receiver/",
        "http://x.receiver:9000/",
    ):
        with pytest.raises(OutboundRefused):
            policy.parse(url)


@given(st.ip_addresses())
def test_what_python_calls_private_is_never_let_through(address: Any) -> None:
    if not address.is_global or address.is_multicast or address.is_reserved or address.is_loopback:
        assert policy.is_refused(address)


@given(st.text(max_size=60))
def test_no_text_makes_the_parser_fail_otherwise_than_by_refusing(text: str) -> None:
    try:
        target = policy.parse("https://" + text)
    except OutboundRefused:
        return
    assert target.host
    assert "@" not in target.host
    assert target.path.startswith("/")
