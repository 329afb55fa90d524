"""Identifiers and secrets: where they come from and how they look."""

import secrets
import uuid

import uuid_utils.compat


def new_id() -> uuid.UUID:
    """A UUID of version 7 (RFC 9562): unique, and sorted by the time it was made, so indexes stay compact."""
    return uuid_utils.compat.uuid7()


def new_trace_id() -> str:
    """A correlation id in the form of a W3C trace-id: 32 lower-case hex digits, never all zero."""
    return new_id().hex


def new_secret(byte_count: int = 32) -> str:
    """A URL-safe secret with `byte_count` bytes of randomness."""
    return secrets.token_urlsafe(byte_count)
