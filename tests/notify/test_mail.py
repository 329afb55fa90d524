"""Mail by Django's backend, through a real SMTP server."""

import socket
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from opsportal.notify import relay
from opsportal.notify.models import Attempt, Delivery
from tests.factories.identity import NOW, make_person
from tests.factories.notify import states, tell
from tests.notify.smtp import MailServer, mail_server

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def mails(settings: Any) -> Iterator[MailServer]:
    with mail_server() as server:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        settings.BASE_URL = "https://portal.example.com"
        settings.DEFAULT_FROM_EMAIL = "opsportal <portal@example.com>"
        yield server


def test_a_person_without_slack_gets_a_mail_that_says_where_to_look(mails: MailServer) -> None:
    tell(
        make_person(email="bea@example.org"), title="Acme waits \u2013 12 min late", body="Call +49 30 123456", key="k"
    )
    relay.drain(NOW)
    mail = mails.mails[0]
    assert mails.recipients == ["bea@example.org"]
    assert mail["Subject"] == "Acme waits \u2013 12 min late"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert "https://portal.example.com/handoffs/1/" in mail.get_content()
    assert "123456" not in mail.get_content()
    assert mail["Message-ID"].endswith("@portal.example.com>")


def test_a_mail_that_may_have_arrived_is_sent_again_with_the_same_message_id(mails: MailServer) -> None:
    mails.vanish_after_data = True
    tell(make_person(), key="k")
    relay.drain(NOW)
    row = Delivery.objects.get()
    assert row.state == "pending"
    mails.vanish_after_data = False
    relay.drain(NOW + timedelta(seconds=10))
    assert states() == {"k:mail": "delivered"}
    assert len({mail["Message-ID"] for mail in mails.mails}) == 1
    assert len(mails.mails) == 2


@pytest.mark.parametrize(
    ("verb", "answer", "state"),
    [
        ("RCPT", "550 5.1.1 no such user max@example.org", "dead"),
        ("RCPT", "450 4.2.1 greylisted", "pending"),
        ("MAIL", "451 try later", "pending"),
        ("MAIL", "553 sender not allowed", "dead"),
        ("DATA", "554 spam", "dead"),
    ],
)
def test_the_code_of_the_server_says_whether_it_may_work_later(
    mails: MailServer, verb: str, answer: str, state: str
) -> None:
    mails.refuse[verb] = answer
    tell(make_person(), key="k")
    relay.drain(NOW)
    assert states() == {"k:mail": state}
    attempt = Attempt.objects.get()
    assert attempt.outcome == f"SMTP {answer[:3]}"
    assert "max@example.org" not in attempt.answer


def test_nobody_can_write_headers_through_a_title(mails: MailServer) -> None:
    tell(make_person(email="bea@example.org"), title="Hi\r\nBcc: evil@example.org\r\n\r\nbody")
    relay.drain(NOW)
    assert mails.recipients == ["bea@example.org"]
    assert mails.mails[0]["Bcc"] is None


def test_an_address_with_a_line_break_is_refused_and_not_sent(mails: MailServer) -> None:
    person = make_person()
    type(person).objects.filter(pk=person.pk).update(email="a@example.org\nBcc: evil@example.org")
    tell(person)
    relay.drain(NOW)
    assert list(states().values()) == ["dead"]
    assert not mails.mails


def test_a_mail_server_that_is_away_is_tried_later(settings: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
    tell(make_person())
    relay.drain(NOW)
    assert list(states().values()) == ["pending"]
