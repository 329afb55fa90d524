"""Erasing a data subject from requests about its records. That they were asked and decided, by whom, stays."""

from datetime import datetime

from opsportal.approvals.models import Approval
from opsportal.approvals.operations import void_approvals
from opsportal.audit.engine import Actor, Subject
from opsportal.audit.erasers import Erased, Sought
from opsportal.audit.mentions import ERASED

REASON = "Its data subject was erased."


def erase_subject(sought: Sought, *, is_look: bool, actor: Actor, now: datetime) -> Erased:
    """What waits for a decision is void: what it was about is gone."""
    count = 0
    for kind, key in sorted(sought.found.records):
        about = Approval.objects.filter(subject_type=kind, subject_id=key)
        count += about.count()
        if not is_look and about.exists():
            void_approvals(subject=Subject(kind, key), actor=actor, reason=REASON, now=now)
            about.update(
                subject_label="", title=ERASED, consequence=ERASED, content='{"erased":true}', reason="",
                decision_reason="", closing_reason="",
            )  # fmt: skip
    return Erased({"requests": count})
