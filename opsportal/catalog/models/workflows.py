"""Workflows of n8n behind an automation: versions by hash with their findings. Never the export itself or a secret."""

from typing import Any

from django.db import models

from opsportal.catalog.models.automations import Automation
from opsportal.identity.models import Person


class Workflow(models.Model):
    """The workflow in n8n that an automation is. `external_id` is n8n's id, or its name where an export has no id."""

    automation = models.OneToOneField(Automation, on_delete=models.CASCADE, related_name="workflow")
    external_id = models.CharField(max_length=160, unique=True)
    name = models.CharField(max_length=160)
    # What its schedule says, for slos to turn into a heartbeat: {kind, schedule, timezone, period_seconds, sentence}.
    rhythm = models.JSONField(default=dict, blank=True)
    imported_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name


class WorkflowVersion(models.Model):
    """One content of a workflow, by the hash of what it does; where nodes stand on the canvas does not count."""

    workflow = models.ForeignKey(Workflow, on_delete=models.CASCADE, related_name="versions")
    sha256 = models.CharField(max_length=64)
    node_count = models.PositiveIntegerField()
    is_active = models.BooleanField(default=False)
    findings = models.JSONField(default=list)  # [{code, tone, sentence}]
    imported_at = models.DateTimeField()
    imported_by = models.CharField(max_length=150)

    class Meta:
        ordering = ["-imported_at", "-id"]
        constraints = [models.UniqueConstraint(fields=["workflow", "sha256"], name="catalog_workflow_version_once")]

    def __str__(self) -> str:
        return self.sha256[:12]


class WorkflowImport(models.Model):
    """A file somebody uploaded, read and stripped of its secrets, waiting for them to look at it."""

    file_name = models.CharField(max_length=160)
    readings: Any = models.JSONField()  # what opsportal.catalog.n8n read, as plain JSON
    by = models.ForeignKey(Person, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    uploaded_at = models.DateTimeField()
    imported_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-uploaded_at", "-id"]

    def __str__(self) -> str:
        return self.file_name
