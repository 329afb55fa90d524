"""Addresses of handoffs and rules."""

from django.urls import include, path

from handoffs.views import rates, reasons, records, review, rules, what_if
from opsportal.imports import urls as imports

handoff_urls = [
    path("", records.list_view, name="list"),
    path("new/", records.create, name="create"),
    *imports.patterns("handoffs"),
    *(path(f"bulk/{name}/", records.bulk, {"name": name}, name=f"bulk-{name}") for name in records.BULK),
    path("<uuid:pk>/", records.detail, name="detail"),
    path("<uuid:pk>/<slug:name>/", records.act, name="act"),
]
rule_urls = [
    path("", rules.list_view, name="list"),
    path("new/", rules.create, name="create"),
    path("<slug:slug>/", rules.detail, name="detail"),
    path("<slug:slug>/edit/", rules.edit, name="edit"),
    path("<slug:slug>/what-if/", what_if.what_if_view, name="what-if"),
    path("<slug:slug>/calendar-check/", what_if.calendar_check_view, name="calendar-check"),
    path("<slug:slug>/<slug:name>/", rules.move, name="move"),
]
review_urls = [
    path("", review.review_view, name="review"),
    path("tag/", review.tag, name="tag"),
    path("reasons/", reasons.list_view, name="reasons"),
    path("reasons/merge/", reasons.merge, name="merge"),
    path("reasons/<slug:slug>/", reasons.edit, name="reason"),
]
rate_urls = [
    path("", rates.hit_rate, name="hit-rate"),
    path("records/", rates.records, name="records"),
]
urlpatterns = [
    path("hit-rate/", include((rate_urls, "rates"))),
    path("handoffs/", include((handoff_urls, "handoffs"))),
    path("rules/", include((rule_urls, "rules"))),
    path("review/", include((review_urls, "review"))),
]
