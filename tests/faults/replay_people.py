"""`python -m tests.faults.replay_people URL`: somebody who decides what is in doubt, after asking the target.

GET URL + webhook-id answers 200 where the target has acted on it, 404 where it has not.
"""

import sys
import time
import urllib.error
import urllib.request


def has(url: str, webhook_id: str) -> bool:
    try:
        with urllib.request.urlopen(url + webhook_id, timeout=10):
            return True
    except urllib.error.HTTPError as error:
        if error.code != 404:
            raise
        return False


def main(url: str) -> None:
    import django

    django.setup()
    from django.db import DatabaseError, InterfaceError, connections

    from opsportal import clock
    from opsportal.audit.engine import Actor
    from opsportal.errors import DomainError
    from opsportal.identity.models import Person
    from runbooks.models import ReplayItem
    from runbooks.queue import operations

    while True:
        try:
            person = Person.objects.get(username="lead")
            actor = Actor("human", str(person.pk), person.name)
            rows = ReplayItem.objects.select_related("target__automation", "automation")
            for item in rows.filter(state="in_doubt")[:50]:
                now = clock.now()
                if has(url, item.webhook_id):
                    operations.mark_delivered(item, reason="the target has it", actor=actor, now=now)
                else:
                    said = {"reason": "the target has it not", "actor": actor, "now": now}
                    release = operations.open_release(item.target, kind="plan", items=[item], person=person, **said)
                    operations.let_go(release, [item.pk], actor=actor, now=now)
        except DomainError:
            pass
        except (DatabaseError, InterfaceError, OSError):
            connections.close_all()
        time.sleep(0.5)


if __name__ == "__main__":
    main(sys.argv[1])
