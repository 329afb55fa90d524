"""Where a subject has its page: rooms above register it, so that a sentence can link to what it is about."""

from collections.abc import Callable

from django.urls import NoReverseMatch

Address = Callable[[str], str]
_addresses: dict[str, Address] = {}


def register(subject_type: str, address: Address) -> None:
    """`address(subject_id)` answers the page of that record, or an empty string."""
    _addresses[subject_type] = address


def address_of(subject_type: str, subject_id: str) -> str:
    """The page of a subject; empty when no room has one, or none for an id like this."""
    address = _addresses.get(subject_type)
    try:
        return address(subject_id) if address is not None else ""
    except NoReverseMatch:
        return ""
