"""The address n8n's error workflows post to: public, its key is the credential, answered in JSON and problem+json."""

from django.http import HttpRequest, HttpResponse, JsonResponse

from opsportal import clock
from opsportal.api import parsers
from opsportal.api.errors import Problem
from opsportal.integrations import receiving
from opsportal.integrations.inbound import inbound, throttled
from slos.exposition import operations
from slos.exposition.queries import KIND

STATUS = {"created": 201, operations.UNMATCHED: 202, "conflict": 409}


@inbound
def n8n_error(request: HttpRequest, key: str = "") -> HttpResponse:
    """A failure: 201 with the run it became, 200 when it was known, 202 when its workflow belongs to no automation yet.

    The key stands in the address or, so that a workflow holds no secret, in the header X-Api-Key.
    """
    now = clock.now()
    integration = receiving.find_integration(KIND, key or request.headers.get("X-Api-Key", ""))
    if wait := throttled(integration):
        return Problem(429, headers={"Retry-After": str(wait)}).http_response()
    reported = operations.record_failure(integration, parsers.loads(request.body), now)
    if reported.status == "conflict":
        return Problem(409, "run_id_conflict", "This execution has ended otherwise before.").http_response()
    body = {
        "status": reported.status,
        "automation": reported.automation or None,
        "workflow": reported.workflow,
        "run_id": reported.run_id,
    }
    return JsonResponse(body, status=STATUS.get(reported.status, 200))
