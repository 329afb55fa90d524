"""`{% load trail %}`: entries of the audit trail on a page. Everything is text here; Django escapes it."""

from typing import Any

from django import template

from opsportal.audit import addresses, sentences
from opsportal.audit.models import Entry

register = template.Library()

register.filter("sentence", sentences.sentence)
register.filter("actor_label", sentences.actor_label)
register.filter("subject_label", sentences.subject_label)


@register.filter
def subject_address(entry: Entry) -> str:
    """The page of what the entry is about; empty when there is none."""
    return addresses.address_of(entry.subject_type, entry.subject_id)


@register.simple_tag
def entry_parts(entry: Entry) -> dict[str, Any]:
    """What is below a sentence: `reason`, `before`, `after` (readable) and whether anything `changed`."""
    detail = sentences.detail_of(entry)
    before, after = sentences.readable(detail.get("before")), sentences.readable(detail.get("after"))
    return {
        "reason": detail.get("reason", ""),
        "before": before,
        "after": after,
        "changed": before != after,
        "is_erased": sentences.is_erased(entry),
    }
