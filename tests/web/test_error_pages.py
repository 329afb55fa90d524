"""What a person sees when something is not there, not allowed, not readable, or broken."""

import pytest
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import DatabaseError, InterfaceError, OperationalError
from django.urls import path

from opsportal.urls import handler400, handler403, handler404, handler500  # noqa: F401 the handlers under test
from opsportal.urls import urlpatterns as portal_urls

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]


def raising(error):
    def view(request):
        raise error

    view.login_required = False  # type: ignore[attr-defined]
    return view


urlpatterns = [
    path("refused/", raising(PermissionDenied("Only ops leads may do this."))),
    path("closed/", raising(PermissionDenied)),
    path("garbled/", raising(SuspiciousOperation("odd"))),
    path("broken/", raising(DatabaseError("secret detail"))),
    path("gone/", raising(OperationalError("secret detail"))),
    path("api/gone/", raising(InterfaceError("secret detail"))),
    *portal_urls,
]


@pytest.fixture
def visitor_client(client):
    client.raise_request_exception = False
    return client


@pytest.mark.parametrize(
    ("address", "status", "words"),
    [
        ("/nowhere/", 404, "There is nothing at this address"),
        ("/refused/", 403, "Only ops leads may do this."),
        ("/closed/", 403, "Your role does not include this page."),
        ("/garbled/", 400, "This request could not be read"),
        ("/broken/", 500, "Something went wrong on our side"),
    ],
)
def test_each_says_what_happened_and_leads_on(visitor_client, address, status, words):
    response = visitor_client.get(address, headers={"X-Correlation-ID": "case-7"})
    page = response.content.decode()
    assert response.status_code == status
    assert words in page
    assert "case-7" in page
    assert 'href="/"' in page


def test_our_own_failure_tells_no_detail_and_asks_no_database(visitor_client, django_assert_num_queries):
    with django_assert_num_queries(0):
        page = visitor_client.get("/broken/").content
    assert b"secret detail" not in page


@pytest.mark.parametrize("address", ["/gone/", "/api/gone/"])
def test_a_database_that_is_away_is_no_failure_of_ours_and_may_be_asked_again(visitor_client, address):
    response = visitor_client.get(address)
    assert (response.status_code, response["Retry-After"]) == (503, "5")
    assert b"secret detail" not in response.content


def test_an_expired_form_is_explained(client):
    from django.test import Client

    response = Client(enforce_csrf_checks=True).post("/theme/", {"theme": "dark"})
    assert response.status_code == 403
    assert b"The form had expired" in response.content
