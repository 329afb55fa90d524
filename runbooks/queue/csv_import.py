"""Failed payloads as a kind of file that opsportal.imports can bring in, and take out again while they are held."""

import base64
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import IntegrityError
from django.db.models import QuerySet
from django.urls import reverse

from opsportal import ids
from opsportal.audit import operations as audit
from opsportal.audit.engine import Actor, Draft, Subject
from opsportal.catalog.models import Automation
from opsportal.errors import InvalidInput
from opsportal.identity.actors import Principal
from opsportal.identity.models import Team
from opsportal.imports import cells
from opsportal.imports.columns import Field
from opsportal.imports.forms import OptionsForm
from opsportal.imports.registry import Item, Kind, Options, Undoing
from runbooks.models import ReplayItem, ReplayTarget
from runbooks.queue import lanes
from runbooks.queue.intake import JSON_TYPE, NewItem, read_item
from runbooks.queue.operations.deciding import team_of_item
from runbooks.queue.operations.storing import Place, as_they_came_in, find_places, record_items
from runbooks.states import ItemState

SLICE = 500
FIELDS = (
    Field("payload", "Payload", ("body", "json", "data", "request body"), is_required=True),
    Field("target", "Target", ("replay target", "destination")),
    Field("automation", "Automation", ("workflow", "flow")),
    Field("external_id", "Id", ("id", "execution id", "run id", "event id")),
    Field("record_key", "Record", ("record key", "record id", "lead id", "contact id")),
    Field("content_type", "Media type", ("content type",)),
    Field("error_type", "Error", ("error", "error class")),
    Field("error_message", "Message", ("message", "reason", "error message")),
    Field("failed_at", "Failed", ("failed at", "time", "date", "timestamp"), is_instant=True),
    Field("correlation_id", "Trace", ("trace id", "correlation id")),
)
CONFLICT = InvalidInput("external_id_conflict", "This id is stored already, with another body.", field="external_id")
TOUCHED = "It was let go, decided, or is part of a plan."


class ItemReader:
    """What opsportal.imports asks of the queue, for the targets and automations somebody may see."""

    about = "the replay queue"
    team: Team | None = None

    def __init__(
        self, targets: QuerySet[ReplayTarget], automations: QuerySet[Automation], instant: Callable[[str], datetime]
    ) -> None:
        self.targets, self.automations, self.instant = targets, automations, instant
        self.places: dict[tuple[str, str], Place | InvalidInput] = {}

    def read(self, said: Mapping[str, str], extras: Mapping[str, str]) -> Item:
        new = replace(self._new(said), item_id=ids.new_id())
        place = self._place(new)
        named = new.external_id or f"{new.record_key}\n{new.content_type}\n{new.body.decode('utf-8', 'replace')}"
        identity = hashlib.sha256(f"replay-items\n{place.target.pk}\n{named}".encode()).digest()
        if not new.external_id:
            # The same row again, in this file or another, is the same payload.
            new = replace(new, external_id=f"csv-{identity.hex()[:32]}")
        # The label names nobody: it outlives the payload.
        digest = hashlib.sha256(new.body).hexdigest()
        return Item(str(new.item_id), f"payload {digest[:12]}", identity, new, digest=digest)

    def show(self, item: Item) -> list[Any]:
        new: NewItem = item.record
        return [self._place(new).target.slug, new.external_id, new.record_key, f"{len(new.body):,} bytes"]

    def standing(self, items: Sequence[Item]) -> dict[int, str | InvalidInput]:
        known: dict[tuple[int, str], tuple[str, str]] = {}
        names = [(self._place(item.record).target.pk, item.record.external_id) for item in items]
        for start in range(0, len(names), SLICE):
            rows = ReplayItem.objects.filter(external_id__in=[name for _, name in names[start : start + SLICE]])
            known |= {(target, name): (str(pk), digest) for target, name, pk, digest in as_they_came_in(rows)}
        there = {at: (known[name], items[at].digest) for at, name in enumerate(names) if name in known}
        return {at: key if stored == digest else CONFLICT for at, ((key, stored), digest) in there.items()}

    def hold(self) -> None:
        """The unique external id holds; whoever is second is told that it is there."""

    def write(self, items: Sequence[Item], *, batch: int, actor: Actor, now: datetime) -> None:
        news = [item.record for item in items]
        recorded = record_items(news, targets=self.targets, automations=self.automations, now=now)
        if any(one.status != "created" for one in recorded):
            raise IntegrityError("Somebody stored one of these meanwhile.")

    def _new(self, said: Mapping[str, str]) -> NewItem:
        """The bytes are those of the cell; where they say they are JSON, they are."""
        given: dict[str, Any] = {name: text for name, text in said.items() if name not in ("payload", "failed_at")}
        text = said.get("payload", "")
        if not text:
            raise InvalidInput("required", "Without a payload there is nothing to send.", field="payload")
        if JSON_TYPE.match(given.get("content_type", "application/json")):
            _check_json(text)
        new = read_item({**given, "payload_base64": base64.b64encode(text.encode()).decode(), "source": "csv"})
        try:
            failed_at = self.instant(said["failed_at"]) if said.get("failed_at") else None
        except InvalidInput as error:
            raise InvalidInput(error.code, error.message, field="failed_at") from None
        return replace(new, failed_at=failed_at)

    def _place(self, new: NewItem) -> Place:
        """Raises InvalidInput at target or automation."""
        named = new.target, new.automation
        if named not in self.places:
            try:
                self.places[named] = find_places([new], self.targets, self.automations)[0]
            except InvalidInput as error:
                self.places[named] = error
        place = self.places[named]
        if isinstance(place, InvalidInput):
            raise InvalidInput(place.code, place.message, field=place.field)
        return place


def open_reader(options: Options, principal: Principal | None, now: datetime) -> ItemReader:
    targets, automations = ReplayTarget.objects.all(), Automation.objects.all()
    if principal is not None:
        targets, automations = targets.visible_to(principal), automations.visible_to(principal)
    zone, dates = ZoneInfo(options["timezone"]), options["dates"]
    return ItemReader(targets, automations, lambda text: cells.instant(text, zone, dates))


def look_back(keys: Sequence[str], last_entry: int) -> Undoing:
    """What undoing would take out, and what it would keep: whatever somebody has let go, decided or planned."""
    free: set[str] = set()
    for start in range(0, len(keys), SLICE):
        free |= {str(pk) for pk in _untouched(keys[start : start + SLICE]).values_list("pk", flat=True)}
    return Undoing([key for key in keys if key in free], {key: TOUCHED for key in keys if key not in free})


def remove(keys: Sequence[str], last_entry: int, *, file_name: str, actor: Actor, now: datetime) -> Undoing:
    """Delete what is untouched, with a line in the trail for each; in the caller's transaction."""
    removed: list[str] = []
    for start in range(0, len(keys), SLICE):
        rows = _untouched(keys[start : start + SLICE])
        locked = lanes.lock_of(rows)
        named = rows.select_related("automation__team", "target__automation__team", "target__team")
        found = list(named.select_for_update(of=("self",)).order_by("pk"))
        audit.record_many(_draft(item, file_name, actor, now) for item in found)
        ReplayItem.objects.filter(pk__in=[item.pk for item in found]).delete()
        lanes.promote(locked, now)
        removed += [str(item.pk) for item in found]
    gone = set(removed)
    return Undoing(removed, {key: TOUCHED for key in keys if key not in gone})


def _untouched(keys: Sequence[str]) -> QuerySet[ReplayItem]:
    rows = ReplayItem.objects.filter(pk__in=keys, state=ItemState.HELD, tries=0, release=None, legal_hold="")
    replaced = ReplayItem.objects.filter(superseded_by_id__in=[UUID(key) for key in keys]).values("superseded_by")
    return rows.filter(plan_items=None).exclude(pk__in=replaced)


def _draft(item: ReplayItem, file_name: str, actor: Actor, now: datetime) -> Draft:
    team = team_of_item(item)
    subject = Subject("replay_item", str(item.pk), str(item))
    return Draft(actor, "replay.removed", subject, now, team=team.slug if team else "", extra={"file": file_name})


def _check_json(text: str) -> None:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidInput(
            "invalid", "This is no JSON; say its media type if it is something else.", field="payload"
        ) from None


KIND = Kind(
    name="replay-items",
    nouns=("payload", "payloads"),
    namespace="replay",
    scope="replay:request",
    modes={"held": "sent only once somebody lets them go"},
    live_scope="replay:request",
    fields=FIELDS,
    shown=("Target", "Id", "Record", "Payload"),
    options_form=OptionsForm,
    reader=open_reader,
    look_back=look_back,
    remove=remove,
    address=lambda key: reverse("replay:item", args=[key]),
    keeps_extras=False,
)
