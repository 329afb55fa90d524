"""What `manage.py benchmark pings` compares with: the same portal with one address, whose view does one INSERT.

Served by `granian slos.heartbeats.plain_insert:application`; nothing else imports it.
"""

import os

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from opsportal import clock

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "opsportal.settings")
application = get_wsgi_application()

from slos.models import Ping  # noqa: E402 - models are imported after Django is set up

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
