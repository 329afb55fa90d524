from django.urls import include, path

from runbooks.library import editing, moves, views

library_urls = [
    path("", views.list_view, name="list"),
    path("new/", editing.create, name="create"),
    path("import/", editing.bring_in, name="import"),
    path("export.zip", editing.export, name="export"),
    path("<slug:slug>/", views.detail, name="detail"),
    path("<slug:slug>/edit/", editing.edit, name="edit"),
    path("<slug:slug>/derive/", editing.derive, name="derive"),
    path("<slug:slug>/file.md", views.file, name="file"),
    path("<slug:slug>/revisions/", views.revisions, name="revisions"),
    path("<slug:slug>/revisions/<int:number>/", views.revision_view, name="revision"),
    path("<slug:slug>/revisions/<int:number>/again/", views.start_again, name="again"),
    path("<slug:slug>/validate/", views.validate, name="validate"),
    path("<slug:slug>/steps/<slug:key>/wrong/", views.wrong_step, name="wrong"),
    path("<slug:slug>/reports/<int:pk>/", views.answer, name="answer"),
    path("<slug:slug>/<slug:name>/", moves.move, name="move"),
]
urlpatterns = [path("runbooks/", include((library_urls, "runbooks")))]
