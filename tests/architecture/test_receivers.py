"""The receiver that other tests trust: it must keep and answer exactly what it was told."""

import time
from typing import Any

import pytest
import urllib3

from tests.receivers import DRIP, DROP, HANG, HUGE, Answer, HttpReceiver, json_answer, play_slack, redirect

http = urllib3.PoolManager(retries=False, timeout=0.5)


def test_it_keeps_what_it_is_sent() -> None:
    with HttpReceiver() as receiver:
        http.request("POST", f"{receiver.url}a?b=1", body=b'{"n": 1}', headers={"Idempotency-Key": "k"})
        method, path, headers, body = receiver.wait_for(1)[0]
        assert (method, path, headers["idempotency-key"], body) == ("POST", "/a?b=1", "k", b'{"n": 1}')
        assert receiver.requests[0].json() == {"n": 1}
        assert receiver.effects() == {"k": 1}


def test_it_answers_in_turn_and_then_as_usual() -> None:
    with HttpReceiver(204) as receiver:
        receiver.answer(Answer(503, headers={"Retry-After": "2"}), json_answer({"ok": True}, 201), redirect("/x"))
        answers = [http.request("GET", receiver.url, redirect=False) for _ in range(4)]
        assert [answer.status for answer in answers] == [503, 201, 302, 204]
        assert answers[0].headers["Retry-After"] == "2"
        assert answers[1].json() == {"ok": True}


@pytest.mark.parametrize("answer", [HANG, DROP])
def test_a_request_that_is_never_answered_fails_but_is_counted(answer: Answer) -> None:
    with HttpReceiver(answer) as receiver:
        with pytest.raises(urllib3.exceptions.HTTPError):
            http.request("POST", receiver.url)
        assert len(receiver.requests) == 1


@pytest.mark.parametrize("answer", [HUGE, DRIP])
def test_it_stops_with_its_block_even_in_the_middle_of_an_answer(answer: Answer) -> None:
    began = time.monotonic()
    with HttpReceiver(answer) as receiver:
        response = http.request("GET", receiver.url, preload_content=False)
        assert response.read(1) == b"x"
    assert time.monotonic() - began < 5


def test_it_plays_slack() -> None:
    with HttpReceiver(play_slack({"U2": "channel_not_found"})) as receiver:

        def post(channel: str, **headers: str) -> Any:
            return http.request(
                "POST", f"{receiver.url}chat.postMessage", json={"channel": channel}, headers=headers
            ).json()

        assert post("U1") == {"ok": False, "error": "not_authed"}
        assert post("U1", Authorization="Bearer x")["ok"]
        assert post("U2", Authorization="Bearer x")["error"] == "channel_not_found"
