"""Who may let payloads go, sealed item by item: a row that somebody moved to `pending` by hand starts nothing.

The seal is an HMAC under the installation's key over the item, the revision and hash of its body, the release and its
address. Asked before each request: no state column skips an approval, no later change of the target leads it elsewhere.
"""

import hashlib
from collections.abc import Iterable

from django.utils.crypto import constant_time_compare, salted_hmac

from opsportal.approvals.states import State
from opsportal.catalog.models import Tier
from runbooks.models import Release, ReplayItem, ReplayTarget
from runbooks.targets.addresses import address_of

SALT = "runbooks.queue.authority"
MOVED = "The target's address has changed since this was let go."
UNBOUND = "This was let go before its address was kept; let it go again."


def seal(item: ReplayItem, release: Release) -> str:
    said = f"{item.pk}|{item.revision}|{item.sha256}|{item.target_id}|{release.pk}|{release.url}"
    return salted_hmac(SALT, said, algorithm="sha256").hexdigest()


def content_hash(items: Iterable[ReplayItem]) -> str:
    """What an approval is bound to: exactly these items with exactly these bodies, in whatever order."""
    lines = sorted(f"{item.pk} {item.revision} {item.sha256}" for item in items)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def is_critical(item: ReplayItem) -> bool:
    """Whether a second person has to say so: the item's automation, or the target's, is a P0."""
    return _is_p0(item.target) or (item.automation is not None and item.automation.tier == Tier.P0)


def why_not(item: ReplayItem) -> str:
    """Why this item must not leave, or nothing. Asked right before every request."""
    release = item.release
    if release is None or not item.authority:
        return "nobody let it go"
    if elsewhere := why_not_there(release, item.target):
        return elsewhere
    if not constant_time_compare(item.authority, seal(item, release)):
        return "it is not what was let go"
    if is_critical(item) and not _is_approved(release):
        return "no second person has approved it"
    return ""


def why_not_there(release: Release, target: ReplayTarget) -> str:
    """Why nothing of a release may go to where its target is now, or nothing."""
    if not release.url:
        return UNBOUND
    return "" if release.url == address_of(target) else MOVED


def _is_p0(target: ReplayTarget) -> bool:
    return target.automation is not None and target.automation.tier == Tier.P0


def _is_approved(release: Release) -> bool:
    approval = release.approval
    return approval is not None and approval.state == State.USED and approval.decided_by_id is not None
