"""Which automation a workflow of another tool is."""

from django.db.models import Q
from django.utils.text import slugify

from opsportal.catalog.models import Automation
from opsportal.integrations.models import Integration


def find_automation(integration: Integration, workflow_id: str, workflow_name: str) -> Automation | None:
    """What the integration's mapping names, else the automation whose workflow was imported under this id, else the
    one whose slug the workflow's name is. Within the integration's team, where it has one.
    """
    rows = Automation.objects.select_related("team")
    if integration.team_id is not None:
        rows = rows.filter(Q(team=None) | Q(team=integration.team_id))
    told = {workflow_id, workflow_name} - {""}
    for slug, workflows in integration.mapping.items():
        if told & {part.strip() for part in str(workflows).split(",")}:
            return rows.filter(slug=slug).first()
    imported = rows.filter(workflow__external_id__in=told).first()
    return imported or rows.filter(slug=slugify(workflow_name)[:60] or "-").first()
