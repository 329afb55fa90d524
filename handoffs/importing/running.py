"""Taking a file of events into the log: chunk by chunk, each one transaction with the note of how far it came.

Killed at any moment and started again it goes on behind its last chunk; started again when done it finds every event
there already.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain, islice
from typing import Any

import msgspec
from django.db import transaction

from handoffs.events import NewEvent
from handoffs.importing.files import LogFile
from handoffs.importing.mapping import Reading, guess_mapping
from handoffs.intake import intake_of
from handoffs.models import EventImport
from opsportal.api.lines import Answer, Intake, Numbered
from opsportal.audit import operations as audit
from opsportal.audit.engine import Actor, Draft, Subject
from opsportal.errors import InvalidInput

CHUNK = 5_000
SAMPLED = 1_000  # records whose columns are looked at before guessing
ACTOR = Actor.system("import_events")


@dataclass(slots=True)
class Import:
    """One run. `refused` hears every record that was not taken, `progress` the share of the file that was read."""

    log: LogFile
    reading: Reading
    now: datetime
    refused: Callable[[Answer, Any], None] = lambda answer, record: None
    progress: Callable[[float], None] = lambda share: None
    skipped: int = field(default=0, init=False)
    share: float = field(default=0.0, init=False)

    def run(self) -> dict[str, int]:
        """Answers how many events got which answer, those of an earlier, interrupted run included.

        Raises Unusable where the file cannot be read on; what came before is taken.
        """
        row = self._checkpoint()
        intake = intake_of(self.reading.event, actor=ACTOR, now=self.now)
        intake.counts.update(row.counts)
        self.skipped = row.position
        records = enumerate(self.log.records(self._read), start=1)
        for chunk in _chunks(islice(records, row.position, None)):
            self._take(intake, row, chunk)
            self.progress(self.share)
        self._finish(row)
        return intake.tally()

    def check(self) -> dict[str, int]:
        """Read and check everything and write nothing: how many events are good, and how many `invalid`."""
        counts = {"good": 0, "invalid": 0}
        for number, record in enumerate(self.log.records(self._read), start=1):
            try:
                self.reading.event((number, record))
                counts["good"] += 1
            except InvalidInput as error:
                counts["invalid"] += 1
                self.refused(Answer(number, "invalid", None, error.code, error.field or None), record)
            if number % CHUNK == 0:
                self.progress(self.share)
        return counts

    def _read(self, share: float) -> None:
        self.share = share

    @transaction.atomic
    def _take(self, intake: Intake[NewEvent], row: EventImport, chunk: list[tuple[int, Any]]) -> None:
        answers = intake.take_chunk(Numbered(number, (number, record)) for number, record in chunk)
        EventImport.objects.filter(pk=row.pk).update(
            position=chunk[-1][0], counts=intake.tally(), updated_at=self.now, finished_at=None
        )
        for answer, (_, record) in zip(answers, chunk, strict=True):
            if answer.status in ("invalid", "conflict"):
                self.refused(answer, record)

    def _checkpoint(self) -> EventImport:
        """The row of this file, read this way; an import that was finished begins anew."""
        said = [self.reading.source, dict(self.reading.mapping), self.reading.historical, str(self.reading.timezone)]
        how = msgspec.json.encode([*said, sorted(self.reading.systems)], order="sorted")
        values = {"name": self.log.path.name[:200], "source": self.reading.source, "started_at": self.now}
        row, _ = EventImport.objects.get_or_create(
            key=hashlib.sha256(self.log.fingerprint() + how).digest(), defaults={**values, "updated_at": self.now}
        )
        if row.finished_at is not None:
            row.position, row.counts, row.finished_at, row.started_at = 0, {}, None, self.now
            row.save()
        return row

    @transaction.atomic
    def _finish(self, row: EventImport) -> None:
        EventImport.objects.filter(pk=row.pk).update(finished_at=self.now, updated_at=self.now)
        row.refresh_from_db()
        counts = {name: str(count) for name, count in row.counts.items()}
        subject = Subject("event_import", str(row.pk), row.name)
        audit.record(Draft(ACTOR, "events.imported", subject, self.now, extra={"created": "0", **counts}))


def sample(log: LogFile) -> list[Any]:
    """The first records of a file. Raises Unusable."""
    return list(islice(log.records(), SAMPLED))


def mapping_of(records: Iterable[Any], said: dict[str, str]) -> dict[str, str]:
    """Which column is which field, by the records at hand; NDJSON is in the API's own shape and needs none.

    Raises InvalidInput where none can be found.
    """
    named = [record for record in records if isinstance(record, dict)]
    return guess_mapping(chain.from_iterable(named), said) if named else {}


def _chunks(records: Iterator[tuple[int, Any]]) -> Iterator[list[tuple[int, Any]]]:
    while chunk := list(islice(records, CHUNK)):
        yield chunk
