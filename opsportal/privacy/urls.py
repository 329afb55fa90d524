from django.urls import include, path

from opsportal.privacy import views

pages = [
    path("", views.list_view, name="list"),
    path("erase/", views.ask, name="ask"),
    path("check/", views.check, name="check"),
    path("erasures/<uuid:pk>/", views.detail, name="erasure"),
    path("erasures/<uuid:pk>/certificate.json", views.certificate, name="certificate"),
]
urlpatterns = [path("privacy/", include((pages, "privacy")))]
