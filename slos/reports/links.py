"""Addresses of shared pages: the key of the link and its signature. Nothing secret is stored."""

from datetime import datetime

from django.core import signing

from slos.models import ShareLink

SALT = "slos.reports.share"


def token_of(link: ShareLink) -> str:
    """What stands in the address."""
    return signing.Signer(salt=SALT).sign(link.pk.hex)


def link_of(token: str) -> ShareLink | None:
    """The link of an address; None for one that nobody here has signed."""
    try:
        key = signing.Signer(salt=SALT).unsign(token)
    except signing.BadSignature:
        return None
    return ShareLink.objects.select_related("author__team").filter(pk=key).first()


def is_open(link: ShareLink, now: datetime) -> bool:
    """Neither expired nor revoked, and its author still may read budgets."""
    may_read = link.author.is_active and link.author.allows("slos:read")
    return may_read and link.revoked_at is None and now < link.expires_at
