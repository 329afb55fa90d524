"""Automations, who answers for them, what is known about them; freezes that hold their changes back."""

from opsportal.catalog.models.automations import (
    SLUG,
    Automation,
    AutomationQuerySet,
    Maturity,
    Pattern,
    Platform,
    Tier,
    Trigger,
)
from opsportal.catalog.models.costs import CostLine
from opsportal.catalog.models.freezes import ExperimentPermission, Freeze, FreezeOverride, FreezeQuerySet
from opsportal.catalog.models.upkeep import ChecklistTick, Credential, Part, Release, Responsibility, Switch
from opsportal.catalog.models.workflows import Workflow, WorkflowImport, WorkflowVersion

__all__ = [
    "SLUG",
    "Automation",
    "AutomationQuerySet",
    "ChecklistTick",
    "CostLine",
    "Credential",
    "ExperimentPermission",
    "Freeze",
    "FreezeOverride",
    "FreezeQuerySet",
    "Maturity",
    "Part",
    "Pattern",
    "Platform",
    "Release",
    "Responsibility",
    "Switch",
    "Tier",
    "Trigger",
    "Workflow",
    "WorkflowImport",
    "WorkflowVersion",
]
