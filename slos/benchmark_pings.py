"""`manage.py benchmark pings`: pings over HTTP, beside a view of the same portal that does one INSERT.

Two servers (granian, as in production) on one PostgreSQL take turns; the medians count. Each connection pings a
heartbeat of its own, as different jobs do; then all of them ping one.
"""

import socket
import threading
import time
from statistics import median
from typing import TextIO
from uuid import uuid4

from django.db import connection

from opsportal import clock
from opsportal.api.frontdoor import server
from opsportal.audit.engine import Actor
from slos.heartbeats.operations import create_heartbeat
from slos.heartbeats.pinging import Address, Call, take_ping
from slos.heartbeats.statements import counted_trips
from slos.models import Heartbeat

NAME = "pings"
CONNECTIONS, ROUNDS, SECONDS = 4, 15, 0.6
INSERT_SERVER = "slos.heartbeats.plain_insert:application"


def run(out: TextIO) -> None:
    """Print pings a second, the ratio to one INSERT, and the statements a ping takes."""
    if connection.vendor != "postgresql":
        out.write("This benchmark needs PostgreSQL.\n")
        return
    heartbeats = [_heartbeat(number) for number in range(CONNECTIONS)]
    trips = {name: _count_trips(name) for name in ("success", "start", "fail", "log")}
    codes, keys = [f"/ping/{one.code}" for one in heartbeats], [f"/insert/{one.pk}" for one in heartbeats]
    with server() as pings, server(INSERT_SERVER) as inserts:
        _rate(pings, codes, 1.0)
        _rate(inserts, keys, 1.0)
        own, one, plain = [], [], []
        for _ in range(ROUNDS):
            own.append(_rate(pings, codes, SECONDS))
            plain.append(_rate(inserts, keys, SECONDS))
            one.append(_rate(pings, codes[:1] * CONNECTIONS, SECONDS))
    out.write(
        f"{CONNECTIONS} connections, {ROUNDS} rounds of {SECONDS} s, one worker with two threads:\n"
        f"  pings                 {median(own):>7,.0f} a second ({_spread(own)})\n"
        f"  pings of one          {median(one):>7,.0f} a second ({_spread(one)})\n"
        f"  a view of one INSERT  {median(plain):>7,.0f} a second ({_spread(plain)})\n"
        f"  ratio, turn by turn   {median(a / b for a, b in zip(own, plain, strict=True)):>7.2f} (at least 0.50)\n"
        f"  round trips of a ping {max(trips.values()):>7} ({', '.join(f'{k} {v}' for k, v in trips.items())})\n"
        "  healthchecks' own server: not run; it is in no package registry here.\n"
    )


def _heartbeat(number: int) -> Heartbeat:
    values = {"name": f"job {number}", "kind": "cron", "schedule": "*/5 * * * *", "timezone": "Europe/Berlin"}
    return create_heartbeat(values=values, actor=Actor.system("benchmark"), now=clock.now())


def _count_trips(action: str) -> int:
    """How often a ping waits for the server once its statements are prepared, with two runs under way."""
    heartbeat = _heartbeat(9)
    count = 0
    for _ in range(3):
        for rid in (None, uuid4()):
            take_ping(Address(code=heartbeat.code), Call(action="start", rid=rid), clock.now())
        with counted_trips() as trips:
            take_ping(Address(code=heartbeat.code), Call(action=action), clock.now())
        count = len(trips)
    return count


def _spread(rates: list[float]) -> str:
    return f"{min(rates):,.0f} to {max(rates):,.0f}"


def _rate(port: int, paths: list[str], seconds: float) -> float:
    """Answers a second over one connection for each path, all kept open."""
    counts = [0] * len(paths)
    until = time.perf_counter() + seconds

    def load(number: int) -> None:
        request = f"GET {paths[number]} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: curl/8.5.0\r\n\r\n".encode()
        with socket.create_connection(("127.0.0.1", port), timeout=30) as session:
            session.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while time.perf_counter() < until:
                session.sendall(request)
                _read_answer(session)
                counts[number] += 1

    threads = [threading.Thread(target=load, args=(number,)) for number in range(len(paths))]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.perf_counter() - began)


def _read_answer(session: socket.socket) -> None:
    """One short answer: its head, and as much body as it says. Anything but 200 ends the benchmark."""
    answer = session.recv(4096)
    while b"\r\n\r\n" not in answer:
        answer += session.recv(4096)
    head, _, body = answer.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"An answer that is none: {answer[:200]!r}")
    length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
    while len(body) < length:
        body += session.recv(4096)
