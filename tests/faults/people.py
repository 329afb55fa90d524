"""`python -m tests.faults.people SEED LOG`: people who answer and cancel while everything around them is killed.

What the portal acknowledged is written to LOG, one JSON object a line; what it could not do is not.
"""

import json
import sys
import time
from pathlib import Path
from random import Random


def main(seed: int, log: Path) -> None:
    import django

    django.setup()
    from django.db import DatabaseError, InterfaceError, connections

    from handoffs import operations
    from handoffs.models import Handoff
    from opsportal import clock
    from opsportal.audit.engine import Actor
    from opsportal.errors import Conflict

    random, actor = Random(seed), Actor("human", "1", "Somebody")
    moves = {"respond": operations.respond_to_handoff, "cancel": operations.cancel_handoff}
    with log.open("a", buffering=1) as book:
        while True:
            try:
                handoff = Handoff.objects.running().order_by("?").first()
                if handoff is not None:
                    name = random.choices(list(moves), weights=[8, 1])[0]
                    moves[name](handoff, actor=actor, now=clock.now())
                    book.write(json.dumps({"id": str(handoff.pk), "move": name}) + "\n")
            except Conflict:
                pass
            except (DatabaseError, InterfaceError):
                connections.close_all()
            time.sleep(random.uniform(0.1, 0.5))


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
