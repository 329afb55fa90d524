"""`python -m tests.faults.replay_people PORTAL RATE STRICT_URL`: people who replay over the portal's API.

An analyst draws a plan up for each target, looks at its dry run, asks, starts, looks at the canary; an ops lead
approves. They decide what is in doubt after asking the target: GET STRICT_URL + webhook-id answers 200 where it has
acted on it, 404 where it has not. They remember nothing: each look at the portal says what to do next.
"""

import json
import sys
import time
from http.client import HTTPException
from http.cookiejar import CookieJar
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, Request, build_opener, urlopen

from tests.faults.replay_load import ANALYSTS, PASSWORD

CANARY = 5
OVER = ("completed", "cancelled", "aborted")
# What an analyst does about a plan that stands so; the approval is somebody else's.
NEXT = {"draft": "dry-run", "dry_run": "start", "approved": "start", "paused": "resume"}
BY_HAND = 90
REASON = {"reason": "the target is back"}


class Refused(Exception):
    """The portal did not do it, or did not answer; the next look shows what is left to do."""


class Person:
    """Somebody with a browser's session, who signs in (again) when it takes that."""

    def __init__(self, portal: str, username: str) -> None:
        self._portal, self._username = portal, username
        self._sign_out()

    def _sign_out(self) -> None:
        self._cookies = CookieJar()
        self._opener = build_opener(HTTPCookieProcessor(self._cookies))

    def sign_in(self) -> None:
        self._sign_out()
        self._opener.open(f"{self._portal}login/", timeout=30).read()
        form = {"username": self._username, "password": PASSWORD, "csrfmiddlewaretoken": self._csrf}
        self._opener.open(f"{self._portal}login/", urlencode(form).encode(), timeout=30).read()

    @property
    def _csrf(self) -> str:
        return next((cookie.value or "" for cookie in self._cookies if cookie.name == "csrftoken"), "")

    def get(self, path: str) -> Any:
        return self._call("GET", path)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        return self._call("POST", path, json.dumps(body).encode())

    def _call(self, method: str, path: str, body: bytes | None = None) -> Any:
        headers = {"Content-Type": "application/json", "X-CSRFToken": self._csrf}
        request = Request(f"{self._portal}api/v1/{path}", body, headers, method=method)
        try:
            with self._opener.open(request, timeout=60) as answer:
                return json.loads(answer.read())
        except HTTPError as error:
            if error.code in (401, 403):
                self.sign_in()
            raise Refused(f"{method} {path}: {error.code} {error.read()[:300]!r}") from error


class Office:
    """The people, and what they are there for."""

    def __init__(self, portal: str, rate: int, strict_url: str) -> None:
        self.analysts = [Person(portal, f"analyst{number}") for number in range(ANALYSTS)]
        self.lead = Person(portal, "lead")
        self._strict_url, self._by_hand = strict_url, 0
        # The first goes at its target's rate. The other is slower than its target, and never stopped by its ratio: it
        # is killed on purpose, and each kill may leave a dozen in doubt.
        self._plans: dict[str, dict[str, Any]] = {
            "sure": {},
            "strict": {"rate_per_minute": rate, "abort_ratio": "1.000"},
        }

    def push(self, slug: str) -> None:
        """Take the plan of a target one step on; draw one up where something is held and none is open."""
        analyst = self.analysts[0]
        plans = analyst.get(f"replay/plans/?target={slug}")["results"]
        plan = next((one for one in plans if one["state"] not in OVER), None)
        if plan is None:
            if analyst.get(f"replay/items/?target={slug}&state=held&limit=1")["results"]:
                terms = {"target": slug, "canary_count": CANARY, "dry_run": False, **REASON, **self._plans[slug]}
                analyst.post("replay/plans/", terms)
        elif plan["state"] == "awaiting_approval":
            self.lead.post(f"replay/plans/{plan['id']}/approve/", REASON)
        elif plan["state"] in NEXT:
            analyst.post(f"replay/plans/{plan['id']}/{NEXT[plan['state']]}/", {})

    def decide(self) -> None:
        """What is in doubt has arrived, or is sent again."""
        for item in self.analysts[0].get("replay/items/?state=in_doubt&target=strict&limit=100")["results"]:
            if has(self._strict_url, item["id"]):
                self.analysts[0].post(f"replay/items/{item['id']}/mark_delivered/", {"reason": "the target has it"})
            else:
                analyst = self.analysts[self._by_hand // BY_HAND]
                analyst.post(f"replay/items/{item['id']}/resend/", {"reason": "the target has it not"})
                self._by_hand += 1


def has(url: str, webhook_id: str) -> bool:
    try:
        with urlopen(url + webhook_id, timeout=10):
            return True
    except HTTPError as error:
        if error.code != 404:
            raise
        return False


def main(portal: str, rate: int, strict_url: str) -> None:
    office = Office(portal, rate, strict_url)
    while True:
        for act in (lambda: office.push("sure"), lambda: office.push("strict"), office.decide):
            try:
                act()
            except (Refused, OSError, HTTPException) as refusal:
                print(refusal, file=sys.stderr, flush=True)
        time.sleep(0.5)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
