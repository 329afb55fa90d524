"""`{% load trail %}`: entries of the audit trail on a page. Everything is text here; Django escapes it."""

from django import template

from opsportal.audit import addresses, sentences
from opsportal.audit.models import Entry

register = template.Library()

register.filter("sentence", sentences.sentence)
register.filter("actor_label", sentences.actor_label)
register.filter("subject_label", sentences.subject_label)
register.filter("is_erased", sentences.is_erased)


@register.filter
def subject_address(entry: Entry) -> str:
    """The page of what the entry is about; empty when there is none."""
    return addresses.address_of(entry.subject_type, entry.subject_id)


@register.simple_tag
def changes_of(entry: Entry) -> list[tuple[str, str, str]]:
    """What differs as (name, before, after) in words; an empty text where it was not set."""
    detail = sentences.detail_of(entry)
    before, after = sentences.readable(detail.get("before")), sentences.readable(detail.get("after"))
    names = [name for name in dict.fromkeys([*before, *after]) if before.get(name) != after.get(name)]
    return [(name.replace("_", " "), before.get(name, ""), after.get(name, "")) for name in names]
