"""The one way a request leaves this house: to the checked address only, bounded in time and size, taking nothing along.

No redirects, no proxies or credentials of the environment, no cookies, no retries: those are decisions of the caller.
"""

import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPException

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse

from opsportal.outbound import policy, resolver
from opsportal.outbound.errors import OutboundFailed, OutboundRefused
from opsportal.outbound.policy import Target
from opsportal.outbound.resolver import Address

CONNECT_TIMEOUT = 5.0
METHOD = re.compile(r"[A-Z]{3,10}")
HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
HEADER_VALUE = re.compile(r"[\t -~\x80-\xff]{0,8000}")
OWN_HEADERS = frozenset(
    {
        "host",
        "content-length",
        "transfer-encoding",
        "connection",
        "accept-encoding",
        "cookie",
    }
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `headers` has lower-case names; `cut` says that the body went on beyond our limits."""

    status: int
    headers: dict[str, str]
    body: bytes
    seconds: float
    cut: bool = False


def send(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    body: bytes = b"",
    timeout: float = 10,
    max_bytes: int = 65_536,
) -> Answer:
    """Send one request; `timeout` is the wall clock in seconds for everything from the resolver to the last byte.

    OutboundRefused: our policy forbids it, nothing was sent. OutboundFailed: see there. Any HTTP status is an Answer.
    """
    target = policy.parse(url)
    checked = _checked_headers(method, headers)
    began = time.monotonic()
    deadline = began + timeout
    addresses = policy.check_addresses(target, resolver.resolve(target.host, target.port, timeout=timeout))
    connection = _connect(target, addresses, deadline)
    with _cut_off_at(deadline, connection):
        status, answer_headers, content, cut = _exchange(connection, method, target, checked, body, max_bytes, deadline)
    return Answer(status, answer_headers, content, time.monotonic() - began, cut)


def _checked_headers(method: str, headers: Mapping[str, str]) -> dict[str, str]:
    if not METHOD.fullmatch(method):
        raise OutboundRefused("This is not a method.", field="method")
    for name, value in headers.items():
        if not HEADER_NAME.fullmatch(name) or not HEADER_VALUE.fullmatch(value):
            raise OutboundRefused(
                f"The header {name!r} holds characters that do not belong there.",
                field="headers",
            )
        if name.lower() in OWN_HEADERS:
            raise OutboundRefused(f"The header {name!r} is set by the client itself.", field="headers")
    return {"User-Agent": "opsportal", **headers}


def _connect(target: Target, addresses: list[Address], deadline: float) -> HTTPConnection:
    """A connection to the first address that answers; a failure here means that no request has arrived."""
    failure = OutboundFailed("timeout", "no time left to connect", may_have_arrived=False)
    for address in addresses:
        left = deadline - time.monotonic()
        if left <= 0:
            break
        connection = _connection(target, address, min(left, CONNECT_TIMEOUT))
        try:
            connection.connect()
        except (OSError, HTTPError) as error:
            connection.close()
            reason = "tls" if isinstance(error, ssl.SSLError) else "connect"
            failure = OutboundFailed(reason, _plain(error), may_have_arrived=False)
        else:
            return connection
    raise failure


def _connection(target: Target, address: Address, timeout: float) -> HTTPConnection:
    if target.scheme == "http":
        return HTTPConnection(str(address), target.port, timeout=timeout)
    return HTTPSConnection(
        str(address),
        target.port,
        timeout=timeout,
        ssl_context=ssl.create_default_context(),  # checks the certificate against server_hostname in the handshake
        server_hostname=target.host,
    )


@contextmanager
def _cut_off_at(deadline: float, connection: HTTPConnection) -> Iterator[None]:
    """Shut the socket down when time is up, whatever waits on it: timeouts of single reads do not stop a slow drip."""
    sock = connection.sock
    timer = threading.Timer(max(deadline - time.monotonic(), 0), _shut_down, args=(sock,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        connection.close()


def _shut_down(sock: socket.socket) -> None:
    with suppress(OSError):
        # The plain socket's own method: SSLSocket.shutdown would take the TLS layer away under a running read.
        socket.socket.shutdown(sock, socket.SHUT_RDWR)


def _exchange(
    connection: HTTPConnection,
    method: str,
    target: Target,
    headers: dict[str, str],
    body: bytes,
    max_bytes: int,
    deadline: float,
) -> tuple[int, dict[str, str], bytes, bool]:
    own = {
        "Host": target.authority,
        "Accept-Encoding": "identity",
        "Connection": "close",
    }
    connection.timeout = max(deadline - time.monotonic(), 0.001)
    try:
        connection.request(
            method,
            target.path,
            body=body,
            headers={**own, **headers},
            preload_content=False,
            decode_content=False,
        )
        response = connection.getresponse()
        if time.monotonic() >= deadline:  # a head that was cut short reads like one that has ended
            raise TimeoutError
    except (OSError, HTTPError, HTTPException) as error:
        late = time.monotonic() >= deadline or isinstance(error, TimeoutError)
        reason = "timeout" if late else "protocol" if isinstance(error, HTTPException) else "broken"
        raise OutboundFailed(reason, _plain(error), may_have_arrived=True) from error
    with response:
        content, cut = _read(response, max_bytes)
    cut = cut or time.monotonic() >= deadline
    return response.status, {name.lower(): value for name, value in response.headers.items()}, content, cut


def _read(response: BaseHTTPResponse, max_bytes: int) -> tuple[bytes, bool]:
    """The body up to `max_bytes`, and whether it was cut. The status is known, so a broken body is no failure."""
    content = bytearray()
    try:
        while len(content) <= max_bytes:
            chunk = response.read1(min(16_384, max_bytes + 1 - len(content)), decode_content=False)
            if not chunk:
                return bytes(content), False
            content += chunk
    except (OSError, HTTPError, HTTPException, ValueError):
        pass
    return bytes(content[:max_bytes]), True


def _plain(error: BaseException) -> str:
    """What went wrong, in words without addresses of our own network or Python's object names."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate does not hold: {error.verify_message}"
    if isinstance(error, TimeoutError) or "timed out" in str(error):
        return "no answer in time"
    if isinstance(error, ConnectionRefusedError) or "refused" in str(error):
        return "the connection was refused"
    return type(error).__name__
