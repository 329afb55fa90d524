"""Static files: hashed names live for ever, plain names briefly, without a build step."""

import re

import pytest
from django.templatetags.static import static

pytestmark = pytest.mark.django_db


def test_a_hashed_name_is_served_as_immutable(client):
    address = static("opsportal.css")
    assert re.fullmatch(r"/static/opsportal\.[0-9a-f]{12}\.css", address)
    response = client.get(address)
    assert response.status_code == 200
    assert "immutable" in response.headers["Cache-Control"]
    assert response.headers["Content-Type"].startswith("text/css")


def test_a_plain_name_is_served_with_a_short_life(client):
    response = client.get("/static/js/time.js")
    assert response.status_code == 200
    assert "immutable" not in response.headers["Cache-Control"]


def test_the_admin_has_its_files_too(client):
    assert client.get(static("admin/css/base.css")).status_code == 200
