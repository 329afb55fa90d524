"""From a name to its addresses, within a time limit. Knows nothing of what is allowed."""

import ipaddress
import queue
import threading
from socket import SOCK_STREAM, getaddrinfo

from opsportal.outbound.errors import OutboundFailed

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def resolve(host: str, port: int, *, timeout: float) -> list[Address]:
    """Every address of a host, in the resolver's order; OutboundFailed("dns") when it errs, is empty or takes too long.

    The C library's resolver knows no deadline, so it runs beside in a thread that is left behind when it is late.
    """
    answers: queue.SimpleQueue[list[Address] | Exception] = queue.SimpleQueue()
    threading.Thread(target=_ask, args=(host, port, answers), daemon=True, name="resolver").start()
    try:
        answer = answers.get(timeout=max(timeout, 0.001))
    except queue.Empty:
        raise OutboundFailed("dns", "the name was not resolved in time", may_have_arrived=False) from None
    if isinstance(answer, Exception) or not answer:
        raise OutboundFailed("dns", "the name cannot be resolved", may_have_arrived=False)
    return answer


def _ask(host: str, port: int, answers: "queue.SimpleQueue[list[Address] | Exception]") -> None:
    try:
        rows = getaddrinfo(host, port, type=SOCK_STREAM)
        found = [ipaddress.ip_address(str(row[4][0]).partition("%")[0]) for row in rows]
        answers.put(list(dict.fromkeys(found)))
    except (OSError, ValueError, OverflowError) as error:
        answers.put(error)
