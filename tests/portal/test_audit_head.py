"""The head of the audit trail leaves the system once a day, to admins alone."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from opsportal.audit.queries import head
from opsportal.audit.sealer import seal_entries
from opsportal.identity.models import Person
from opsportal.identity.roles import Role
from opsportal.notify import relay
from opsportal.notify.models import Delivery, Message
from opsportal.portal.audit_head import tell_head
from opsportal.sweeps import registry
from opsportal.sweeps.operations import run_sweep
from tests.factories.audit import write
from tests.factories.handoffs import told
from tests.factories.identity import NOW, make_person
from tests.notify.smtp import MailServer, mail_server

pytestmark = pytest.mark.django_db
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def admin(db: None) -> Person:
    return make_person("ada", roles=[Role.ADMIN])


@pytest.fixture
def mails(settings: Any) -> Iterator[MailServer]:
    with mail_server() as server:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        yield server


def seal(at: datetime) -> str:
    write(2)
    seal_entries(at)
    return str(head())


def test_each_admin_is_told_once_a_day_and_nobody_else(admin: Person) -> None:
    second = make_person("abe", roles=[Role.ADMIN])
    others = [make_person(roles=[role]) for role in Role if role != Role.ADMIN]
    make_person("gone", roles=[Role.ADMIN], active=False)
    first_head = seal(NOW)
    assert tell_head(NOW).fired == 2
    seal(NOW + HOUR)
    assert tell_head(NOW + HOUR).fired == 0
    next_head = seal(NOW + DAY)
    assert tell_head(NOW + DAY).fired == 2
    assert told(admin) == told(second) == [f"Audit head {first_head}", f"Audit head {next_head}"]
    assert not Message.objects.filter(recipient__in=others).exists()
    assert Message.objects.filter(topic="audit").count() == 4


def test_an_admin_who_comes_later_is_told_the_same_day(admin: Person) -> None:
    seal(NOW)
    tell_head(NOW)
    late = make_person("abe", roles=[Role.ADMIN])
    assert tell_head(NOW + HOUR).fired == 1
    assert len(told(late)) == len(told(admin)) == 1


def test_without_a_seal_and_without_a_new_one_nothing_is_told(admin: Person) -> None:
    assert tell_head(NOW).fired == 0
    seal(NOW)
    tell_head(NOW)
    assert tell_head(NOW + DAY).fired == 0, "an old head says nothing new; sweeps that do not seal are told elsewhere"


def test_it_goes_by_mail_beside_slack(admin: Person, settings: Any) -> None:
    settings.SLACK_BOT_TOKEN = "xoxb-for-tests-only"
    Person.objects.filter(pk=admin.pk).update(slack_id="U1")
    seal(NOW)
    tell_head(NOW)
    assert set(Delivery.objects.values_list("channel", flat=True)) == {"slack", "mail"}


@pytest.mark.django_db(transaction=True)
def test_the_mail_holds_the_whole_head_and_what_to_do_with_it(mails: MailServer, admin: Person) -> None:
    newest = seal(NOW)
    tell_head(NOW)
    relay.drain(NOW)
    (mail,) = mails.mails
    assert mail["Subject"].replace("\n", "") == f"Audit head {newest}"
    assert f"manage.py verify_audit --head {newest}" in mail.get_content()
    assert "2026-11-03 09:00:00 UTC" in mail.get_content()


def test_the_sweep_that_seals_tells_it(admin: Person) -> None:
    assert tell_head in registry.get("seal").parts
    write(1)
    run_sweep("seal", at=NOW)
    assert told(admin) == [f"Audit head {head()}"]
