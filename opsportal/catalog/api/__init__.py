"""/api/v1/automations/: the catalogue, what keeps it fit for service, and the gate that a release asks."""

from opsportal.catalog.api.automations import AutomationViewSet

routes = [("automations", AutomationViewSet, "automation")]
