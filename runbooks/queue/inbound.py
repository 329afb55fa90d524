"""The address n8n's error workflows post failed payloads to: its key is the credential, answered in JSON alone."""

from django.db.models import Q
from django.http import HttpRequest, HttpResponse, JsonResponse

from opsportal import clock, trace
from opsportal.api import parsers
from opsportal.api.errors import Problem
from opsportal.catalog.models import Automation
from opsportal.errors import InvalidInput
from opsportal.integrations import operations as integrations
from opsportal.integrations import receiving
from opsportal.integrations.inbound import inbound, throttled
from opsportal.integrations.workflows import find_automation
from runbooks.models import ReplayTarget
from runbooks.queue import operations
from runbooks.queue.intake import read_item
from runbooks.queue.n8n import read_failed

KIND = "n8n-replay"


@inbound
def n8n_payload(request: HttpRequest, key: str = "") -> HttpResponse:
    """A failed payload, held: 201 stored, 200 known. For the one target of its workflow's automation, or the named one.

    The key stands in the address or, so that a workflow holds no secret, in the header X-Api-Key.
    """
    now = clock.now()
    integration = receiving.find_integration(KIND, key or request.headers.get("X-Api-Key", ""))
    if wait := throttled(integration):
        return Problem(429, headers={"Retry-After": str(wait)}).http_response()
    failed = read_failed(parsers.loads(request.body))
    automation = find_automation(integration, failed.workflow_id, failed.workflow_name)
    if automation is None and "target" not in failed.item:
        sentence = "No automation has this workflow. Name it in the integration's mapping, or send a target."
        raise InvalidInput("unknown_automation", sentence, field="workflow")
    said = {"correlation_id": trace.current_trace_id(), "automation": automation.slug if automation else ""}
    teams = (
        Q() if integration.team_id is None else Q(automation__team=integration.team_id) | Q(team=integration.team_id)
    )
    recorded = operations.record_item(
        new=read_item({**said, **failed.item}),
        targets=ReplayTarget.objects.filter(teams),
        automations=Automation.objects.filter(pk__in=[automation.pk] if automation else []),
        now=now,
    )
    integrations.note_seen(integration, now=now)
    body = {"status": recorded.status, "id": recorded.id, "automation": automation.slug if automation else None}
    return JsonResponse(body, status=201 if recorded.status == "created" else 200)
