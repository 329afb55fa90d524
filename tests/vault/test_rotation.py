"""`manage.py rotate_vault_key`: a new key-encryption key, without touching what was closed."""

import base64
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from opsportal.vault import operations as vault
from opsportal.vault.models import SubjectKey

pytestmark = pytest.mark.django_db
OLD, NEW, LOST = (base64.b64encode(bytes([number]) * 32).decode() for number in (1, 2, 3))


@pytest.fixture
def sealed(settings: Any) -> dict[str, bytes]:
    """Seven subjects closed under the old key, which now stands behind the new one."""
    settings.VAULT_KEYS = [OLD]
    closed = {f"lead:{number}": vault.encrypt(f"lead:{number}", b"hello") for number in range(7)}
    settings.VAULT_KEYS = [NEW, OLD]
    return closed


def rotate(*arguments: str) -> tuple[int, str, str]:
    """(exit code, what it said, what it complained of)"""
    out, err = StringIO(), StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("rotate_vault_key", *arguments, stdout=out, stderr=err)
    return int(ended.value.code or 0), out.getvalue(), err.getvalue()


def test_everything_opens_with_the_new_key_alone(sealed: dict[str, bytes], settings: Any) -> None:
    code, said, _ = rotate("--batch", "3")
    assert code == 0
    assert [line.split(" under ")[0] for line in said.splitlines()] == ["3 of 7", "6 of 7", "7 of 7", "7 moved"]
    settings.VAULT_KEYS = [NEW]
    assert {vault.decrypt(subject, closed) for subject, closed in sealed.items()} == {b"hello"}


def test_an_interrupted_run_goes_on(sealed: dict[str, bytes]) -> None:
    vault.rewrap(limit=4)
    assert rotate("--count")[1].startswith("3 left")
    assert rotate()[1].splitlines()[0] == "3 of 3"
    assert rotate("--count")[0] == 0
    assert rotate()[0] == 0


def test_what_does_not_open_is_named_and_stops_nothing_else(sealed: dict[str, bytes], settings: Any) -> None:
    settings.VAULT_KEYS = [LOST]
    vault.encrypt("lead:lost", b"hello")
    settings.VAULT_KEYS = [NEW, OLD]
    SubjectKey.objects.filter(subject="lead:3").update(wrapped=b"\x00" * 60)
    code, said, complained = rotate("--batch", "2")
    assert code == 1
    assert "6 moved" in said
    assert "add it behind the first" in complained
    assert "their rows were changed" in complained
    assert vault.decrypt("lead:6", sealed["lead:6"]) == b"hello"


def test_what_was_shredded_is_left_alone(sealed: dict[str, bytes]) -> None:
    vault.shred("lead:1")
    assert rotate()[1].splitlines()[-1].startswith("6 moved")
    with pytest.raises(vault.Shredded):
        vault.decrypt("lead:1", sealed["lead:1"])
