"""Addresses of the calendars."""

from django.urls import path

from opsportal.calendars.views import editing, pages

app_name = "calendars"
urlpatterns = [
    path("calendars/", pages.calendars, name="calendars"),
    path("calendars/new/", editing.new_calendar, name="new"),
    path("calendars/<str:slug>/", pages.calendar, name="calendar"),
    path("calendars/<str:slug>/explain/", pages.explain, name="explain"),
    path("calendars/<str:slug>/versions/<int:number>/", pages.version, name="version"),
    path("calendars/<str:slug>/edit/", editing.edit_calendar, name="edit"),
    path("calendars/<str:slug>/holidays/", editing.import_holidays, name="holidays"),
    path("calendars/<str:slug>/adopt/", editing.adopt, name="adopt"),
    path("calendars/<str:slug>/delete/", editing.delete_calendar, name="delete"),
]
