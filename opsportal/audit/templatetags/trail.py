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
    """What stands below a sentence in a list: the `changes` (name, before, after) and whether it `is_erased`."""
    detail = sentences.detail_of(entry)
    before, after = sentences.readable(detail.get("before")), sentences.readable(detail.get("after"))
    names = [name for name in dict.fromkeys([*before, *after]) if before.get(name) != after.get(name)]
    changes = [(name.replace("_", " "), before.get(name, ""), after.get(name, "")) for name in names]
    return {"changes": changes, "is_erased": sentences.is_erased(entry)}
