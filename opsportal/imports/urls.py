"""Addresses of importing one kind of file; its room includes them beside its own pages."""

from django.urls import URLPattern, path

from opsportal.imports import views


def patterns(kind: str) -> list[URLPattern]:
    said = {"kind": kind}
    return [
        path("import/", views.upload, said, name="import"),
        path("import/<int:pk>/", views.batch_view, said, name="import-batch"),
        path("import/<int:pk>/confirm/", views.confirm, said, name="import-confirm"),
        path("import/<int:pk>/discard/", views.discard, said, name="import-discard"),
        path("import/<int:pk>/undo/", views.undo, said, name="import-undo"),
        path("import/<int:pk>/left-out.csv", views.refused, said, name="import-refused"),
    ]
