"""Workflows of n8n into the catalogue: a draft for each that is new, a version for each that has changed."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from opsportal.audit.engine import Actor
from opsportal.catalog.engine.n8n import Reading
from opsportal.catalog.exports import read_file
from opsportal.catalog.models import Automation, Platform, Trigger, Workflow, WorkflowImport, WorkflowVersion
from opsportal.catalog.operations.automations import create_automation
from opsportal.catalog.operations.trail import note
from opsportal.errors import Conflict
from opsportal.identity.models import Person, Team
from opsportal.web.words import count

CREATED, UPDATED, UNCHANGED = "created", "updated", "unchanged"


@dataclass(frozen=True, slots=True)
class Imported:
    automation: Automation
    status: str


def upload_workflows(
    *, file_name: str, raw: bytes, person: Person | None, actor: Actor, now: datetime
) -> WorkflowImport:
    """Keep what a file says for a look before it is imported. The file itself is not kept."""
    readings = [reading.as_dict() for reading in read_file(raw)]
    name = re.sub(r"[^\w .()-]", "", file_name.replace("\\", "/").rpartition("/")[2])[:160] or "workflow.json"
    return WorkflowImport.objects.create(file_name=name, readings=readings, by=person, uploaded_at=now)


def confirm_workflows(
    upload: WorkflowImport, *, actor: Actor, now: datetime, team: Team | None = None
) -> list[Imported]:
    """Import what was looked at, once. Raises Conflict `imported_already`."""
    with transaction.atomic():
        fresh = WorkflowImport.objects.select_for_update(of=["self"]).get(pk=upload.pk)
        if fresh.imported_at is not None:
            raise Conflict("imported_already", "This file was imported already.")
        fresh.imported_at = now
        fresh.save(update_fields=["imported_at"])
        readings = [Reading(**reading) for reading in fresh.readings]
        return import_workflows(readings, actor=actor, now=now, team=team)


@transaction.atomic
def import_workflows(
    readings: Sequence[Reading], *, actor: Actor, now: datetime, team: Team | None = None
) -> list[Imported]:
    """A new workflow becomes a draft automation, a changed one gets a version; the same again changes nothing."""
    return [_import(reading, actor, now, team) for reading in readings]


def _import(reading: Reading, actor: Actor, now: datetime, team: Team | None) -> Imported:
    found = Workflow.objects.select_for_update(of=["self"]).select_related("automation__team")
    workflow, status = found.filter(external_id=reading.external_id).first(), UPDATED
    if workflow is None:
        automation, status = _automation_for(reading, actor, now, team), CREATED
        workflow = Workflow(automation=automation, external_id=reading.external_id)
    elif workflow.versions.filter(sha256=reading.sha256).exists():
        return Imported(workflow.automation, UNCHANGED)
    workflow.name, workflow.rhythm, workflow.imported_at = reading.name, reading.rhythm, now
    workflow.save()
    WorkflowVersion.objects.create(
        workflow=workflow,
        sha256=reading.sha256,
        node_count=reading.node_count,
        is_active=reading.is_active,
        findings=reading.findings,
        imported_at=now,
        imported_by=actor.label[:150],
    )
    extra = {"workflow": reading.name, "findings": count(len(reading.findings), "finding"), "sha256": reading.sha256}
    note(workflow.automation, "workflow.imported", actor, now, extra=extra)
    return Imported(workflow.automation, status)


def _automation_for(reading: Reading, actor: Actor, now: datetime, team: Team | None) -> Automation:
    """The n8n automation of that slug that has no workflow yet, else a new draft."""
    slug = slug_of(reading.name)
    waiting = Automation.objects.filter(slug=slug, platform=Platform.N8N, workflow=None).first()
    if waiting is not None:
        return waiting
    values: dict[str, Any] = {"platform": Platform.N8N, "team": team}
    values["trigger"] = reading.trigger if reading.trigger in Trigger.values else ""
    return create_automation(slug=_free(slug), name=reading.name[:120], actor=actor, now=now, **values)


def slug_of(name: str) -> str:
    slug = re.sub(r"[^a-z0-9]+", "-", name.casefold()).strip("-")[:60].strip("-")
    return slug or "workflow"


def _free(slug: str) -> str:
    """The slug, or with the first number behind it that is free."""
    taken = set(Automation.objects.filter(slug__startswith=slug[:54]).values_list("slug", flat=True))
    numbered = (f"{slug[:54].rstrip('-')}-{number}" for number in range(2, len(taken) + 3))
    return slug if slug not in taken else next(each for each in numbered if each not in taken)
