from django.urls import include, path

from slos.objectives import editing, views

slo_urls = [
    path("", views.list_view, name="list"),
    path("sheet.csv", views.sheet, name="sheet"),
    path("new/", editing.create, name="create"),
    path("<slug:slug>/", views.detail, name="detail"),
    path("<slug:slug>/sheet.csv", views.own_sheet, name="own-sheet"),
    path("<slug:slug>/edit/", editing.edit, name="edit"),
    path("<slug:slug>/exclusions/new/", views.exclude, name="exclude"),
    path("<slug:slug>/exclusions/<int:pk>/withdraw/", views.withdraw, name="withdraw"),
    path("<slug:slug>/<slug:name>/", views.move, name="move"),
]
urlpatterns = [path("slos/", include((slo_urls, "slos")))]
