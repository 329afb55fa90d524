"""Light, dark, or what the device prefers."""

import pytest

pytestmark = pytest.mark.django_db


def test_a_choice_is_kept_and_shown_before_sign_in_too(client):
    response = client.post("/theme/", {"theme": "dark", "next": "/login/"})
    assert (response.status_code, response.url) == (302, "/login/")
    assert client.cookies["theme"]["httponly"]
    assert client.cookies["theme"]["samesite"] == "Lax"
    assert b'data-theme="dark"' in client.get("/login/").content


def test_matching_the_device_forgets_the_choice(client):
    client.post("/theme/", {"theme": "dark"})
    client.post("/theme/", {"theme": "auto"})
    assert client.cookies["theme"].value == ""
    assert b'data-theme="auto"' in client.get("/login/").content


def test_nonsense_is_not_kept(client):
    client.cookies["theme"] = '"><script>'
    assert b'data-theme="auto"' in client.get("/login/").content
    assert "theme" not in client.post("/theme/", {"theme": "pink"}).cookies


def test_it_is_a_form_and_nothing_else(client):
    assert client.get("/theme/").status_code == 405
