"""Automations, who answers for them, what is known about them; freezes that hold their changes back."""

from opsportal.catalog.models.automations import SLUG, Automation, AutomationQuerySet, Platform, Tier
from opsportal.catalog.models.freezes import ExperimentPermission, Freeze, FreezeOverride, FreezeQuerySet

__all__ = [
    "SLUG",
    "Automation",
    "AutomationQuerySet",
    "ExperimentPermission",
    "Freeze",
    "FreezeOverride",
    "FreezeQuerySet",
    "Platform",
    "Tier",
]
