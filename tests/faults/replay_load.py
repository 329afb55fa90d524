"""`python -m tests.faults.replay_load COUNT KEYS RATE SURE_URL STRICT_URL`: people, two targets, and payloads held.

COUNT go to the target that acts once per webhook-id, a fifth as many to one that is not declared so; each has its KEYS.
"""

import sys
from random import Random
from typing import Any

PIECE, STRICT_EVERY = 500, 5
PASSWORD = "correct horse battery staple"
# Who lets go by hand takes a second person after a hundred within an hour: there are several.
ANALYSTS = 5


def main(count: int, keys: int, rate: int, sure_url: str, strict_url: str) -> None:
    import django

    django.setup()
    from opsportal import clock
    from opsportal.audit.engine import Actor
    from opsportal.catalog.models import Automation
    from opsportal.identity.operations import create_person
    from opsportal.identity.roles import Role
    from runbooks.models import ReplayTarget
    from runbooks.queue import operations
    from runbooks.queue.intake import read_item
    from runbooks.targets.operations import create_target

    actor, now = Actor.system("storm"), clock.database_now()
    people = {"lead": Role.OPS_LEAD, **{f"analyst{number}": Role.ANALYST for number in range(ANALYSTS)}}
    for username, role in people.items():
        create_person(username=username, name=username, roles=[role], password=PASSWORD, actor=actor, now=now)
    common: dict[str, Any] = {"max_attempts": 50, "timeout_seconds": 3}
    shares = {"sure": (sure_url, count, rate, True), "strict": (strict_url, count // STRICT_EVERY, rate, False)}
    for slug, (url, _, per_minute, idempotent) in shares.items():
        values = {"url": url, "rate_per_minute": per_minute, "idempotent": idempotent, **common}
        create_target(slug=slug, values=values, actor=actor, now=now)
    random = Random(1)
    everywhere: dict[str, Any] = {"targets": ReplayTarget.objects.all(), "automations": Automation.objects.all()}
    for slug, (_, several, _, _) in shares.items():
        news = [
            read_item(
                {
                    "target": slug,
                    "record_key": f"lead-{number if number < keys else random.randrange(keys)}",
                    "payload": {"n": number},
                    "external_id": f"run-{number}",
                }
            )
            for number in range(several)
        ]
        for start in range(0, several, PIECE):
            operations.record_items(news[start : start + PIECE], **everywhere, now=now)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], sys.argv[5])
