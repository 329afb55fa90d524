"""Hostile words of a runbook, and of the fact that proposes it, in mail and Slack as they leave (TRUST.md S22)."""

import json
import re
from typing import Any

import pytest

from opsportal.notify import relay
from opsportal.notify.models import Subscription
from runbooks.library import operations, queries
from runbooks.remediation.sweep import sweep_proposals
from slos.facts import News, raise_facts
from slos.states import FactKind
from tests.factories.catalog import make_automation
from tests.factories.identity import NOW, SETUP, make_person
from tests.factories.library import PARTS, a_text, make_published
from tests.factories.notify import make_subscription
from tests.notify.smtp import mail_server
from tests.receivers import HttpReceiver
from tests.runbooks.test_library_hostile import HOSTILE

pytestmark = pytest.mark.django_db(transaction=True)
LINES = [
    *(line.splitlines()[0] for line in HOSTILE),
    "<!channel> <!here> <@U7> <#C1> <https://evil.example|Open in opsportal>",
    "*Open* `in` <https://evil.example|opsportal>",
    "x\r\nBcc: evil@example.org\r\n\r\n<script>alert(1)</script>",
    "safe \u202e txt.exe \u2028 next",
]
ANGLE = re.compile(r"<[^>]*>")


def everything_is_told(owner: Any) -> None:
    """For each line a runbook of that title, proposed by a fact of that sentence, and a step of it said to be wrong."""
    for number, line in enumerate(LINES):
        slug = f"automation-{number}"
        automation = make_automation(slug, name=line.splitlines()[0][:60], owner=owner, active=True)
        parts = PARTS | {"Remediation": f"1. Do it: {line.splitlines()[0]}"}
        head = {"automation": slug, "on_facts": "[heartbeat_down]"}
        runbook = make_published(text=a_text(json.dumps(line[:120]), parts=parts, **head))
        news = News(f"fact {number}", FactKind.HEARTBEAT_DOWN, line, NOW, automation=automation)
        raise_facts([news], now=NOW)
        revision = queries.get_published(runbook)
        assert revision is not None
        key = queries.list_steps(revision)[-1].key
        operations.report_step(revision, key=key, words=line, person=None, actor=SETUP, now=NOW)
    sweep_proposals(NOW)
    while relay.drain(NOW).examined:
        pass


def test_in_slack_they_mention_nobody_and_lead_nowhere_but_to_us(slack: HttpReceiver, receiver: HttpReceiver, settings):
    make_subscription(receiver.url, kind=Subscription.Kind.SLACK_WEBHOOK, events=["runbook.*"])
    everything_is_told(make_person("owner", slack_id="U1"))
    direct = [request.json()["text"] for request in slack.requests]
    posted = [request.json()["text"] for request in receiver.requests]
    assert len(direct) >= 2 * len(LINES)
    assert sum("runbook.proposed" in text for text in posted) == len(LINES)
    ours = re.compile(rf"<{re.escape(settings.BASE_URL)}/runbooks/[a-z0-9/#-]+\|Open in opsportal>")
    for text in [*direct, *posted]:
        links = ANGLE.findall(text)
        assert len(links) == 1, text
        assert ours.fullmatch(links[0]), text


def test_in_a_mail_they_are_plain_words_below_one_subject(settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    with mail_server() as mails:
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", mails.port
        everything_is_told(make_person("owner", email="owner@example.org"))
    assert "evil@example.org" not in mails.recipients
    assert mails.recipients.count("owner@example.org") >= 2 * len(LINES)
    for mail in mails.mails:
        assert mail.get_content_type() == "text/plain"
        assert not mail.is_multipart()
        assert (mail["Bcc"], mail["To"] in mails.recipients) == (None, True)
        assert len(str(mail["Subject"]).splitlines()) == 1
        addresses = [line for line in mail.get_content().splitlines() if line.startswith(settings.BASE_URL)]
        assert len(addresses) == 1
        assert addresses[0].startswith(f"{settings.BASE_URL}/runbooks/")
