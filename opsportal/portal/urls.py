from django.urls import path

from opsportal.portal import views

app_name = "portal"
urlpatterns = [
    path("", views.cockpit_page, name="cockpit"),
    path("search/", views.search_page, name="search"),
    path("trace/<str:trace_id>/", views.trace_page, name="trace"),
]
