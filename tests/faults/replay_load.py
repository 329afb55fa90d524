"""`python -m tests.faults.replay_load COUNT KEYS RATE SURE_URL STRICT_URL`: payloads over record keys, let go at once.

Every fifth goes to a target that is not declared idempotent; each target has its own keys.
"""

import sys
from random import Random
from typing import Any

PIECE, STRICT_EVERY = 500, 5


def main(count: int, keys: int, rate: int, sure_url: str, strict_url: str) -> None:
    import django

    django.setup()
    from opsportal import clock
    from opsportal.audit.engine import Actor
    from opsportal.catalog.models import Automation
    from opsportal.identity.operations import create_person
    from opsportal.identity.roles import Role
    from runbooks.models import ReplayItem, ReplayTarget
    from runbooks.queue import operations
    from runbooks.queue.intake import read_item
    from runbooks.targets.operations import create_target

    actor, now = Actor.system("storm"), clock.database_now()
    person = create_person(username="lead", name="Lead", roles=[Role.OPS_LEAD], actor=actor, now=now)
    common: dict[str, Any] = {"max_attempts": 50, "timeout_seconds": 3}
    shares = {"sure": (sure_url, rate, True), "strict": (strict_url, max(rate // STRICT_EVERY, 60), False)}
    for slug, (url, per_minute, idempotent) in shares.items():
        values = {"url": url, "rate_per_minute": per_minute, "idempotent": idempotent, **common}
        create_target(slug=slug, values=values, actor=actor, now=now)
    random, news = Random(1), []
    for number in range(count):
        slug = "sure" if number % STRICT_EVERY else "strict"
        said = {"target": slug, "record_key": f"lead-{random.randrange(keys)}", "payload": {"n": number}}
        news.append(read_item({**said, "external_id": f"run-{number}"}))
    everywhere: dict[str, Any] = {"targets": ReplayTarget.objects.all(), "automations": Automation.objects.all()}
    for start in range(0, count, PIECE):
        operations.record_items(news[start : start + PIECE], **everywhere, now=now)
    for target in ReplayTarget.objects.all():
        items = list(ReplayItem.objects.filter(target=target))
        release = operations.open_release(
            target, kind="plan", items=items, reason="the target is back", actor=actor, person=person, now=now
        )
        operations.let_go(release, [item.pk for item in items], actor=actor, now=now)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], sys.argv[5])
