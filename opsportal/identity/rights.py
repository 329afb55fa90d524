"""Django's own permissions of the Admin group, which the admin site asks for; kept in step after every migrate."""

from typing import Any

from django.apps import AppConfig
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Group, Permission

from opsportal.identity.roles import GROUP_NAMES, Role

OWN_PACKAGES = ("opsportal", "handoffs", "slos", "runbooks", "incidents")
NEVER = ("django_q",)  # its rows are code execution for whoever can write them, and tasks can be sent again by viewing


def grant_admin_rights(sender: AppConfig, using: str, apps: Any, **kwargs: Any) -> None:
    """Everything of our own rooms (each admin class says what may be changed), and a look at the rest."""
    if sender.label in NEVER:
        return
    create_permissions(sender, verbosity=0, using=using, apps=apps)  # may be asked before Django's own receiver
    granted = Permission.objects.using(using).filter(content_type__app_label=sender.label)
    if sender.name.partition(".")[0] not in OWN_PACKAGES:
        granted = granted.filter(codename__startswith="view_")
    group = Group.objects.using(using).filter(name=GROUP_NAMES[Role.ADMIN]).first()
    if group is not None:  # not there while the first migrations run
        group.permissions.add(*granted)
