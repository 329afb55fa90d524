"""OpenSLO files into our SLOs, as drafts. Each is taken or refused on its own; what is unclear is noted."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from django.db import transaction

from opsportal.audit.engine import Actor
from opsportal.catalog import operations as catalog
from opsportal.catalog.models import Automation
from opsportal.errors import DomainError, InvalidInputs
from slos.exposition.openslo.giving import said_of
from slos.exposition.openslo.reading import Document, Note, Source, read_file
from slos.exposition.openslo.taking import Around, Taken, note_unknown, take
from slos.exposition.openslo.versions import as_v1
from slos.models import Slo
from slos.objectives import operations as objectives
from slos.objectives.document import from_document

REASON = "Imported from OpenSLO"


@dataclass(slots=True)
class Imported:
    """What became of the files. `refused` notes say what was left out."""

    created: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    same: list[str] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    @property
    def refused(self) -> list[Note]:
        return [note for note in self.notes if note.refused]


@dataclass(frozen=True, slots=True)
class Wishes:
    """What whoever imports allows: an automation for unknown services, making those, changing SLOs that exist."""

    automation: str = ""
    create_automations: bool = False
    update: bool = False
    dry_run: bool = False


def import_files(paths: Iterable[Path], wishes: Wishes, *, actor: Actor, now: datetime) -> Imported:
    """Read all files first, for they refer to each other; then take every SLO."""
    imported, sources = Imported(), []
    for path in paths:
        found, notes = read_file(path)
        sources += found
        imported.notes += notes
    with transaction.atomic():
        import_sources(sources, wishes, imported, actor=actor, now=now)
        if wishes.dry_run:
            transaction.set_rollback(True)
    return imported


def import_sources(sources: list[Source], wishes: Wishes, imported: Imported, *, actor: Actor, now: datetime) -> None:
    objects: dict[tuple[str, str], Document] = {}
    for source in sources:
        body, carried = as_v1(source) if source.kind != "SLO" else ({}, [])
        note_unknown(source, body)
        for one in [body, *carried] if body else []:
            objects.setdefault((one["kind"], one["metadata"]["name"]), one)
    used: set[tuple[str, str]] = set()
    for source in sources:
        if source.kind == "SLO":
            used |= _import_slo(source, objects, wishes, imported, actor=actor, now=now)
    for source in sources:
        if source.kind != "SLO" and (source.kind, source.name) not in used:
            source.note("", f"nothing imported refers to this {source.kind}; left out.")
        imported.notes += source.notes


def _import_slo(
    source: Source,
    objects: dict[tuple[str, str], Document],
    wishes: Wishes,
    imported: Imported,
    *,
    actor: Actor,
    now: datetime,
) -> set[tuple[str, str]]:
    """The objects that came along with it."""
    if wishes.create_automations:
        _make_automation(source, actor=actor, now=now)
    slugs = set(Automation.objects.values_list("slug", flat=True))
    try:
        with transaction.atomic():
            taken = take(source, Around(objects, slugs, wishes.automation))
            for one in [part for whole in taken for part in whole.parts] + taken:
                _write(source, one, wishes, imported, actor=actor, now=now)
    except InvalidInputs as errors:
        for error in errors.errors:
            source.note(f"our field {error.field}", f"{error} Not imported.", refused=True)
        return set()
    except DomainError as error:
        source.note(f"our field {error.field}" if error.field else "", f"{error} Not imported.", refused=True)
        return set()
    return {(one["kind"], one["metadata"]["name"]) for whole in taken for one in whole.keep.get("attached", [])}


def _write(source: Source, taken: Taken, wishes: Wishes, imported: Imported, *, actor: Actor, now: datetime) -> None:
    known = Slo.objects.filter(slug=taken.slug).first()
    definition = from_document(taken.document, openslo=taken.keep)
    if known is None:
        slo = objectives.create_slo(slug=taken.slug, definition=definition, actor=actor, now=now, reason=REASON)
        imported.created.append(taken.slug)
    elif not wishes.update:
        source.note("", f"there is an SLO “{taken.slug}” already; left as it is (--update changes it).")
        imported.same.append(taken.slug)
        return
    else:
        slo = objectives.change_slo(known, definition=definition, actor=actor, now=now, reason=REASON)
        imported.changed.append(taken.slug)
    # What we made of it, as we would write it: a later export compares with this to see what was changed here.
    Slo.objects.filter(pk=slo.pk).update(openslo={**taken.keep, "said": said_of(slo)})


def _make_automation(source: Source, *, actor: Actor, now: datetime) -> None:
    """An automation for a service that is none yet, as a draft."""
    spec = source.body["spec"]
    service = str(spec.get("service") or spec.get("serviceRef") or "")
    if not service or Automation.objects.filter(slug=service).exists():
        return
    try:
        with transaction.atomic():
            catalog.create_automation(slug=service, name=service.replace("-", " ").capitalize(), actor=actor, now=now)
    except DomainError as error:
        source.note("spec.service", f"no automation “{service[:60]}” could be made: {error}")
    else:
        source.note("spec.service", f"made the automation “{service}” as a draft.")
