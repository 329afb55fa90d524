"""Buttons: POST only, a sentence for the person, back to where they were and never to another site."""

import pytest
from django.contrib.messages import get_messages
from django.contrib.messages.storage.fallback import FallbackStorage
from django.core.exceptions import PermissionDenied
from django.http import Http404

from opsportal.errors import Conflict, Forbidden, NotFound
from opsportal.web.actions import Done, back, post_action

ELSEWHERE = [
    "//evil.example",
    "https://evil.example/x",
    "http:\\\\evil.example",
    "javascript:alert(1)",
    "/\\evil.example",
]


@pytest.fixture
def press(rf):
    def post(view, data=None, **headers):
        request = rf.post("/handoffs/1/respond/", data or {}, **headers)
        request.session = {}
        request._messages = FallbackStorage(request)
        response = post_action(view)(request)
        return response, [(m.level_tag, str(m)) for m in get_messages(request)]

    return post


def refusing(error):
    def view(request):
        raise error

    return view


def test_the_sentence_is_shown_on_the_page_the_button_stood_on(press):
    response, said = press(lambda request: "Ada has answered.", {"next": "/handoffs/?state=open"})
    assert (response.status_code, response.url) == (302, "/handoffs/?state=open")
    assert said == [("success", "Ada has answered.")]


def test_a_button_may_lead_on(press):
    response, said = press(lambda request: Done("Made a copy.", "/rules/copy/", tone="calm"))
    assert response.url == "/rules/copy/"
    assert said == [("info", "Made a copy.")]


def test_a_refusal_is_a_message_at_the_page(press):
    _, said = press(refusing(Conflict("wrong_state", "It is completed already.")))
    assert said == [("error", "It is completed already.")]


def test_what_may_not_be_seen_or_done_keeps_its_status(press):
    with pytest.raises(Http404):
        press(refusing(NotFound("unknown", "There is none.")))
    with pytest.raises(PermissionDenied):
        press(refusing(Forbidden("no", "Ops leads only.")))


def test_reading_changes_nothing(rf):
    response = post_action(lambda request: pytest.fail("called"))(rf.get("/handoffs/1/respond/"))
    assert response.status_code == 405


@pytest.mark.parametrize("address", ELSEWHERE)
def test_nobody_is_sent_to_another_site(rf, address):
    assert back(rf.post("/x/", {"next": address})) == "/"
    assert back(rf.post(f"/x/?next={address}")) == "/"
    assert back(rf.post("/x/", headers={"referer": address})) == "/"


def test_without_next_the_referring_page_of_this_site_is_used(rf):
    assert back(rf.post("/x/", headers={"referer": "http://testserver/handoffs/?page=2"})) == "/handoffs/?page=2"
