from django.urls import include, path

from runbooks.remediation import views

proposal_urls = [
    path("proposals/", views.list_view, name="list"),
    path("proposals/<uuid:pk>/", views.detail, name="detail"),
    path("proposals/<uuid:pk>/start/", views.start, name="start"),
    path("proposals/<uuid:pk>/decline/", views.decline, name="decline"),
]
urlpatterns = [path("runbooks/", include((proposal_urls, "proposals")))]
