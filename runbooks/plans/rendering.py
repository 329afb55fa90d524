"""The exact request of each payload of a plan, as it would leave, beside what was stored. Masked; nothing is sent."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from opsportal.vault.engine import VaultError
from runbooks.models import PlanItem, ReplayItem
from runbooks.plans import freezing
from runbooks.plans.engine import transform
from runbooks.plans.engine.transform import Change
from runbooks.queue import reading, sending

GONE = "It cannot be built: "


@dataclass(frozen=True, slots=True)
class Rendered:
    """One request. Secrets and signatures are hidden, what may name a person is masked. Without `url` it is not sent,
    and `sentence` says why; else that says what holds it up, if anything does. `changes` compares with what came in.
    """

    row: PlanItem
    sentence: str = ""
    url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    changes: tuple[Change, ...] = ()

    @property
    def shown_body(self) -> str:
        return self.body if isinstance(self.body, str) else json.dumps(self.body, indent=2, ensure_ascii=False)


def render_rows(rows: Iterable[PlanItem], now: datetime) -> Iterator[Rendered]:
    """The requests of these rows, a page of them, in their order."""
    chosen = list(rows)
    opened = {row.pk: body for row, body in freezing.bodies(PlanItem.objects.filter(pk__in=[row.pk for row in chosen]))}
    for row in chosen:
        yield _rendered(row, opened.get(row.pk), now)


def _rendered(row: PlanItem, original: bytes | None, now: datetime) -> Rendered:
    if row.finding:
        return Rendered(row, freezing.FINDINGS.get(row.finding, row.finding))
    if original is None:
        return Rendered(row, freezing.FINDINGS[freezing.ERASED])
    try:
        body = transform.apply(transform.read_steps(row.plan.transform), original) if row.sent_sha256 else original
        parcel = sending.render(_as_sent(row), row.item.target, now, body=body)
    except (transform.Untransformable, VaultError, LookupError) as error:
        return Rendered(row, f"{GONE}{error}")
    behind = "It waits behind a payload of its record that a person decides." if row.is_behind else ""
    return Rendered(
        row, behind, parcel.url, parcel.shown_headers, reading.masked_body(body), tuple(_changes(original, body))
    )


def _as_sent(row: PlanItem) -> ReplayItem:
    """The item with the revision it would have; it is not saved."""
    row.item.revision = row.sent_revision
    return row.item


def _changes(original: bytes, body: bytes) -> Iterator[Change]:
    if original == body:
        return
    for one in transform.changes(transform.read_body(original), transform.read_body(body)):
        yield Change(one.path, _masked(one.path, one.before), _masked(one.path, one.after))


def _masked(path: str, text: str | None) -> str | None:
    """A value masked as it would be in its payload: the name of its field says what it may be."""
    if text is None:
        return None
    names = [part for part in path.split(".") if not part.isdecimal()]
    name = names[-1] if names else "value"
    shown = reading.masked_body(f"{{{json.dumps(name)}:{text}}}".encode())
    if not isinstance(shown, dict):
        return str(shown)
    return json.dumps(next(iter(shown.values())), ensure_ascii=False)
