"""`manage.py setup`: no default account, no weak key, nothing twice."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from opsportal.identity.models import Person
from opsportal.identity.roles import Role
from opsportal.workbench import setup
from slos.models import Policy
from tests.factories.identity import make_person

pytestmark = pytest.mark.django_db

ADMIN = {"USERNAME": "jonas", "NAME": "Jonas Lind", "EMAIL": "jonas@example.org", "PASSWORD": "a long and odd phrase"}


@pytest.fixture(autouse=True)
def _already_migrated(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("opsportal.workbench.management.commands.setup.call_command", lambda *a, **k: None)


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch):
    def give(**changes: str) -> None:
        for key, value in {**ADMIN, **changes}.items():
            monkeypatch.setenv(f"OPSPORTAL_ADMIN_{key}", value)

    return give


def run() -> str:
    out = StringIO()
    call_command("setup", stdout=out, stderr=StringIO())
    return out.getvalue()


def test_a_fresh_portal_has_no_account():
    assert not Person.objects.exists()


def test_it_makes_the_first_admin_from_the_environment(answers):
    answers()
    assert "Jonas Lind is the first admin" in run()
    person = Person.objects.get()
    assert person.roles == [Role.ADMIN]
    assert not person.is_superuser
    assert person.check_password(ADMIN["PASSWORD"])


def test_the_published_policy_is_in_force_from_the_first_day_on(answers):
    answers()
    run()
    assert [(policy.slug, policy.state) for policy in Policy.objects.all()] == [("error-budget-policy", "active")]


def test_a_retired_policy_stays_retired(answers):
    answers()
    run()
    Policy.objects.update(state="retired")
    run()
    assert [policy.state for policy in Policy.objects.all()] == ["retired"]


def test_a_second_run_adds_nobody(answers):
    answers()
    run()
    answers(USERNAME="other")
    assert "nobody was added" in run()
    assert Person.objects.count() == 1


@pytest.mark.parametrize("weak", ["short", "password1234", "jonas@example"])
def test_a_weak_password_is_refused(answers, weak: str):
    answers(PASSWORD=weak)
    with pytest.raises(CommandError):
        run()
    assert not Person.objects.exists()


def test_it_does_not_wait_for_an_answer_nobody_can_give(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    with pytest.raises(CommandError, match="OPSPORTAL_ADMIN_USERNAME"):
        run()


@pytest.mark.parametrize("key", ["short", "django-insecure-" + "x" * 60, "development-only-" + "x" * 60])
def test_a_poor_key_is_refused_in_production(settings, answers, key: str):
    answers()
    settings.PRODUCTION, settings.SECRET_KEY = True, key
    with pytest.raises(CommandError, match="SECRET_KEY"):
        run()
    assert not Person.objects.exists()


def test_a_deactivated_admin_does_not_count():
    make_person(roles=[Role.ADMIN], active=False)
    assert not setup.has_admin()
