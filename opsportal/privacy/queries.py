"""Reads of erasures: those there are, how one stands, what one found in words."""

from collections.abc import Mapping

from django.apps import apps
from django.db.models import QuerySet

from opsportal.audit.erasers import Erased
from opsportal.privacy.models import Erasure


def list_erasures() -> QuerySet[Erasure]:
    return Erasure.objects.select_related("requested_by", "second", "approval").order_by("-requested_at", "-id")


def standing_of(erasure: Erasure) -> tuple[str, str, str]:
    """Its state as a word, the tone of that, and a sentence."""
    if erasure.erased_at is not None:
        return "erased", "good", f"{erasure.requested_by} and {erasure.second} erased it. The certificate says what."
    if erasure.closed_at is not None:
        return "not done", "calm", "Nobody said yes. Nothing was erased, and whom it was about is forgotten."
    return "waiting", "warn", f"{erasure.requested_by} asks another admin or an ops lead."


def lines_of(counts: Mapping[str, Mapping[str, int]]) -> list[tuple[str, str, int]]:
    """(room, what, how many) of everything found, in words. A text is told by the records it stands in."""
    tables = {model._meta.db_table: str(model._meta.verbose_name_plural) for model in apps.get_models()}
    return [
        (room, tables.get(what, what).replace("_", " "), count)
        for room, one in counts.items()
        for what, count in one.items()
        if count
    ]


def kept_of(rooms: Mapping[str, Erased]) -> list[tuple[str, str]]:
    """(where, why) of everything left."""
    return [pair for room in rooms.values() for pair in room.kept.items()]
