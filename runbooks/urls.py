from django.urls import URLPattern, URLResolver, include, path

# Executions first: their addresses stand below /runbooks/, where a slug could stand.
urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("runbooks.remediation.urls")),
    path("", include("runbooks.webhooks.urls")),
    path("", include("runbooks.executions.urls")),
    path("", include("runbooks.library.urls")),
    path("", include("runbooks.plans.urls")),
    path("", include("runbooks.queue.urls")),
]
