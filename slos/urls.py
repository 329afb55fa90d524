from django.urls import include, path

urlpatterns = [
    path("", include("slos.runs.urls")),
    path("", include("slos.heartbeats.urls")),
    path("", include("slos.budgets.urls")),
    path("", include("slos.objectives.urls")),
    path("", include("slos.alarms.urls")),
    path("", include("slos.policy.urls")),
    path("", include("slos.reports.urls")),
    path("", include("slos.exposition.urls")),
]
