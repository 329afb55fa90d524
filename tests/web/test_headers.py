"""Every answer is traced, private and fenced in."""

import pytest
from django.urls import path

from opsportal import trace
from opsportal.web.middleware import source_of, zone_of
from tests.factories.identity import make_person

pytestmark = pytest.mark.django_db


def test_a_page_names_the_trace_id_it_was_given(client):
    response = client.get("/login/", headers={"X-Correlation-ID": "order-4711"})
    assert response.headers["X-Correlation-ID"] == "order-4711"


def test_a_w3c_traceparent_is_understood(client):
    trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
    response = client.get("/login/", headers={"traceparent": f"00-{trace_id}-00f067aa0ba902b7-01"})
    assert response.headers["X-Correlation-ID"] == trace_id


@pytest.mark.parametrize("bad", ["a b", "x" * 65, "<script>", "-lead", ""])
def test_a_bad_trace_id_is_replaced(client, bad):
    given = client.get("/login/", headers={"X-Correlation-ID": bad}).headers["X-Correlation-ID"]
    assert given != bad
    assert trace.is_valid(given)


def test_pages_are_fenced_in_and_never_stored(client):
    for answer in (client.get("/login/"), client.get("/no-such-page/")):
        assert "no-store" in answer.headers["Cache-Control"]
        assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "same-origin"
        assert answer.headers["X-Frame-Options"] == "DENY"
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy
        for fence in ("object-src", "base-uri", "frame-ancestors"):
            assert f"{fence} 'none'" in policy


def test_a_foreign_origin_is_not_let_in(client):
    response = client.get("/static/opsportal.css", headers={"Origin": "https://evil.example"})
    assert "Access-Control-Allow-Origin" not in response.headers


def test_a_cacheable_answer_stays_so_for_strangers_only(client, settings):
    settings.ROOT_URLCONF = __name__
    assert client.get("/feed/").headers["Cache-Control"] == "max-age=60, public"
    client.force_login(make_person(), backend="opsportal.identity.backends.PersonBackend")
    assert client.get("/feed/").headers["Cache-Control"] == "no-store"


def test_the_source_follows_the_address():
    assert [source_of(p) for p in ("/", "/admin/x/", "/api/v1/handoffs/", "/integrations/n8n/k/", "/ping/u")] == [
        "web", "admin", "api", "api", "api",
    ]  # fmt: skip


def test_a_zone_that_no_longer_exists_reads_as_utc():
    assert str(zone_of("Mars/Olympus")) == str(zone_of("")) == str(zone_of("../etc/passwd")) == "UTC"
    assert str(zone_of("Asia/Kolkata")) == "Asia/Kolkata"


def _feed(request):
    from django.http import HttpResponse

    return HttpResponse("x", headers={"Cache-Control": "max-age=60, public"})


_feed.login_required = False  # type: ignore[attr-defined]
urlpatterns = [path("feed/", _feed)]
