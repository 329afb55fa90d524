"""The audit trail's newest seal leaves the system: once a day each admin is told it, by mail and in the inbox."""

from datetime import UTC, datetime

from opsportal import trace
from opsportal.audit.queries import Head, head
from opsportal.identity.models import Person
from opsportal.identity.queries import people_with_role
from opsportal.identity.roles import Role
from opsportal.ids import new_id
from opsportal.notify.engine import Notice
from opsportal.notify.models import Message
from opsportal.notify.operations import tell_many
from opsportal.sweeps.registry import SweepResult


def tell_head(now: datetime) -> SweepResult:
    """Tell each active admin the first head seen of each day (UTC) that has a seal. What left cannot be rewritten."""
    newest = head()
    if newest is None:
        return SweepResult()
    stem = f"audit-head:{newest.sealed_at.astimezone(UTC):%Y-%m-%d}"
    told = set(Message.objects.filter(key__startswith=f"{stem}:").values_list("recipient_id", flat=True))
    admins = [person for person in people_with_role(Role.ADMIN) if person.pk not in told]
    count = tell_many([_notice(newest, person, f"{stem}:{person.pk}") for person in admins], now) if admins else 0
    return SweepResult(examined=len(admins), fired=count)


def _notice(newest: Head, person: Person, key: str) -> Notice:
    return Notice(
        person=person,
        topic="audit",
        # The head stands in the title, so that a digest of many messages carries it, too.
        title=f"Audit head {newest}",
        body=(
            f"Seal {newest.number} of the audit trail, made {newest.sealed_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC, "
            f"has the hash {newest.hash}. Keep this message outside the portal. Whether the trail still begins with "
            f"what was sealed then, this tells at any time: manage.py verify_audit --head {newest}"
        ),
        url="/audit/",
        key=key,
        trace_id=trace.current_trace_id() or new_id().hex,
        by_mail=True,
    )
