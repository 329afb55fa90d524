"""What `manage.py benchmark pings` compares with: the same portal with one address, whose view does one INSERT.

Served by `granian slos.heartbeats.plain_insert:application`; nothing else imports it.
"""

from opsportal.wsgi import application  # noqa: I001 - sets Django up before models are imported

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from opsportal import clock
from slos.models import Ping

__all__ = ["application", "urlpatterns"]


@csrf_exempt
@login_not_required
def insert(request: HttpRequest, heartbeat: int) -> HttpResponse:
    Ping.objects.create(
        heartbeat_id=heartbeat,
        n=0,
        kind="success",
        at=clock.now(),
        method=request.method or "",
        user_agent=request.headers.get("User-Agent", "")[:200],
        remote_address=request.META.get("REMOTE_ADDR"),
        body=request.body or None,
    )
    return HttpResponse("OK", content_type="text/plain")


urlpatterns = [path("insert/<int:heartbeat>", insert)]
settings.ROOT_URLCONF = __name__
