"""Freezes and permissions begin and end one transaction after another: what follows, and who is told of it, depends on
what stands beside them, and what two sweepers write at the same time neither of them would see.
"""

from django.db import connection

TURN = 7_406  # the advisory lock of whoever begins or ends one


def take_turn() -> None:
    """Wait until nobody else begins or ends one, and keep it so to the end of the transaction. Take it before reading
    what others may have begun, and after locking a freeze of one's own: whoever has the turn waits for no such row.
    """
    if connection.vendor != "postgresql":
        return  # one writer
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [TURN])
