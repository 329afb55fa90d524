"""Addresses behind proxies, sentences of the trail, housekeeping."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from axes.models import AccessAttempt
from django.test import RequestFactory

from opsportal import clock
from opsportal.api.models import IdempotentAnswer, Window
from opsportal.identity import addresses, housekeeping, operations
from opsportal.identity.audit import SENTENCES
from opsportal.identity.models import BrowserSession

OURS = ["10.0.0.0/8", "192.168.1.1"]


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("203.0.113.9", "", "203.0.113.9"),
        ("203.0.113.9", "1.1.1.1", "203.0.113.9"),
        ("10.0.0.1", "1.1.1.1", "1.1.1.1"),
        ("10.0.0.1", "6.6.6.6, 1.1.1.1", "1.1.1.1"),
        ("10.0.0.1", "6.6.6.6, 1.1.1.1, 192.168.1.1", "1.1.1.1"),
        ("10.0.0.1", "1.1.1.1, nonsense", "10.0.0.1"),
        ("10.0.0.1", "nonsense, 1.1.1.1", "1.1.1.1"),
        ("10.0.0.1", "10.0.0.2", "10.0.0.2"),
        ("::ffff:10.0.0.1", "2001:db8::1", "2001:db8::1"),
        ("::ffff:203.0.113.9", "", "203.0.113.9"),
        ("", "1.1.1.1", None),
    ],
)
def test_the_client_is_the_last_hop_that_is_not_ours(settings, peer, forwarded, client):
    settings.TRUSTED_PROXIES = OURS
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    assert addresses.client_address(RequestFactory().get("/", REMOTE_ADDR=peer, headers=headers)) == client


def test_every_action_that_is_recorded_has_its_sentence_and_no_sentence_is_left_over():
    source = "".join(path.read_text() for path in Path(operations.__file__).parent.glob("*.py"))
    recorded = set(re.findall(r'"((?:person|session|access|absence|team|token)\.[a-z_]+)"', source))
    assert recorded == set(SENTENCES)


@pytest.mark.django_db
def test_housekeeping_takes_what_is_old_and_leaves_the_rest():
    now = clock.now()
    old, fresh = now - timedelta(days=2), now - timedelta(minutes=1)
    for at in (old, fresh):
        BrowserSession.objects.create(session_key=f"s{at:%d%H%M}", session_data="", expire_date=at + timedelta(hours=1))
        AccessAttempt.objects.create(username=f"u{at}", failures_since_start=1)
        AccessAttempt.objects.filter(username=f"u{at}").update(attempt_time=at)
        Window.objects.create(bucket=f"b{at}", began_at=at, count=1)
        IdempotentAnswer.objects.create(
            scope=f"{at}".encode()[:32], request_hash=b"", status=200, body=b"", created_at=at
        )
    assert housekeeping.sweep(now).fired == 4
    assert housekeeping.sweep(now).fired == 0
    assert [model.objects.count() for model in (BrowserSession, AccessAttempt, Window, IdempotentAnswer)] == [1] * 4
