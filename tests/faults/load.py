"""`python -m tests.faults.load COUNT SECONDS HEAD_START URL`: people, a rule, a webhook, and handoffs that run out.

The ladder is 1, 2 and 3 minutes after the start; starts are spread over SECONDS, the first HEAD_START seconds ago.
"""

import sys
from datetime import timedelta
from random import Random

# What the CRM hears of: one event a handoff, for the most part, so that ten thousand are told within minutes.
EVENTS = ["handoff.breached", "handoff.responded", "handoff.cancelled"]


def main(count: int, seconds: float, head_start: float, url: str) -> None:
    import django

    django.setup()
    from handoffs import bulk, operations
    from handoffs.models import Handoff
    from handoffs.operations.records import build_handoff
    from opsportal import clock
    from opsportal.audit.engine import Actor
    from opsportal.calendars.models import Calendar
    from opsportal.identity import operations as identity
    from opsportal.identity.roles import Role
    from opsportal.notify import operations as notify

    actor, now = Actor.system("storm"), clock.database_now()
    managers = [
        identity.create_person(
            username=f"lead{n}", name=f"Lead {n}", slack_id=f"ULEAD{n}", roles=[Role.OPS_LEAD], actor=actor, now=now
        )
        for n in range(6)
    ]
    people = [
        identity.create_person(
            username=f"rep{n}", name=f"Rep {n}", slack_id=f"UREP{n}", manager=managers[n % 6], actor=actor, now=now
        )
        for n in range(24)
    ]
    terms = operations.Terms(
        calendar=Calendar.objects.get(slug="24x7"),
        sla_minutes=1,
        **dict.fromkeys(("trigger", "target", "timer", "trace", "consequence"), "It happens."),
    )
    rule = operations.create_rule(slug="storm", name="Storm", terms=terms, actor=actor, now=now)
    rule = operations.activate_rule(rule, actor=actor, now=now)
    notify.create_subscription(name="CRM", url=url, events=EVENTS, actor=actor, now=now)
    random, handoffs = Random(1), []
    for number in range(count):
        owner, backup = random.sample(people, 2)
        new = operations.NewHandoff(
            rule=rule,
            subject=f"Lead {number}",
            external_ref=f"lead-{number}",
            owner=owner,
            backup_owner=backup,
            started_at=now - timedelta(seconds=head_start - random.uniform(0, seconds)),
        )
        handoffs.append(build_handoff(new, now=now))
    bulk.insert(Handoff, handoffs)


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3]), sys.argv[4])
