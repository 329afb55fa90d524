"""Payloads and secrets at rest (TRUST.md S68)."""

import base64
import threading
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from opsportal.vault import operations as vault
from opsportal.vault.models import SubjectKey

OLD, NEW = (base64.b64encode(bytes([number]) * 32).decode() for number in (1, 2))


@pytest.mark.django_db
def test_what_was_closed_opens_again_and_never_looks_the_same_twice() -> None:
    first, second = vault.encrypt("lead:1", b"hello"), vault.encrypt("lead:1", b"hello")
    assert first != second
    assert b"hello" not in first
    assert vault.decrypt("lead:1", first) == vault.decrypt("lead:1", second) == b"hello"
    assert SubjectKey.objects.count() == 1


@pytest.mark.django_db
def test_a_ciphertext_moved_to_another_subject_does_not_open() -> None:
    sealed = vault.encrypt("lead:1", b"hello")
    vault.encrypt("lead:2", b"other")
    with pytest.raises(vault.VaultError):
        vault.decrypt("lead:2", sealed)


@pytest.mark.django_db
def test_a_wrapped_key_moved_to_another_row_does_not_open() -> None:
    sealed = vault.encrypt("lead:1", b"hello")
    vault.encrypt("lead:2", b"other")
    stolen = SubjectKey.objects.get(subject="lead:2").wrapped
    SubjectKey.objects.filter(subject="lead:1").update(wrapped=stolen)
    with pytest.raises(vault.VaultError):
        vault.decrypt("lead:1", sealed)


@pytest.mark.django_db
def test_every_changed_byte_is_noticed() -> None:
    sealed = vault.encrypt("lead:1", b"hello")
    for position in range(len(sealed)):
        changed = bytearray(sealed)
        changed[position] ^= 1
        with pytest.raises(vault.VaultError):
            vault.decrypt("lead:1", bytes(changed))
    for broken in (b"", b"\x01", sealed[:28], sealed[:-1], b"plain text that was never sealed at all"):
        with pytest.raises(vault.VaultError):
            vault.decrypt("lead:1", broken)


@pytest.mark.django_db
def test_shredding_destroys_the_key_and_a_repeat_gets_a_new_one() -> None:
    sealed = vault.encrypt("lead:1", b"hello")
    wrapped = bytes(SubjectKey.objects.get().wrapped)
    assert vault.shred("lead:1")
    assert not vault.shred("lead:1")
    with pytest.raises(vault.Shredded):
        vault.decrypt("lead:1", sealed)
    again = vault.encrypt("lead:1", b"again")
    assert vault.decrypt("lead:1", again) == b"again"
    with pytest.raises(vault.Shredded):
        vault.decrypt("lead:1", sealed)
    assert wrapped not in {bytes(key.wrapped) for key in SubjectKey.objects.all()}
    assert SubjectKey.objects.filter(subject="lead:1").count() == 1, "the destroyed key no longer says whose it was"
    assert SubjectKey.objects.count() == 2


@pytest.mark.django_db
def test_a_new_first_key_closes_while_the_old_one_still_opens(settings: Any) -> None:
    settings.VAULT_KEYS = [OLD]
    sealed = vault.encrypt("lead:1", b"hello")
    settings.VAULT_KEYS = [NEW, OLD]
    assert vault.decrypt("lead:1", sealed) == b"hello"
    vault.encrypt("lead:2", b"x")
    assert vault.rewrap().moved == 1
    assert vault.rewrap().moved == 0
    settings.VAULT_KEYS = [NEW]
    assert vault.decrypt("lead:1", sealed) == b"hello"
    settings.VAULT_KEYS = [OLD]
    with pytest.raises(vault.VaultError, match="OPSPORTAL_VAULT_KEYS"):
        vault.decrypt("lead:1", sealed)


@pytest.mark.django_db
@pytest.mark.parametrize("keys", [["c2hvcnQ="], ["not base64 \u20ac"], [OLD, "c2hvcnQ="]])
def test_a_key_that_is_no_key_is_a_configuration_error(settings: Any, keys: list[str]) -> None:
    settings.VAULT_KEYS = keys
    with pytest.raises(ImproperlyConfigured):
        vault.encrypt("lead:1", b"hello")


@pytest.mark.django_db
def test_production_refuses_to_derive_a_key(settings: Any) -> None:
    settings.PRODUCTION, settings.VAULT_KEYS = True, []
    with pytest.raises(ImproperlyConfigured):
        vault.encrypt("lead:1", b"hello")


@pytest.mark.django_db(transaction=True)
def test_two_first_encryptions_at_once_share_one_key() -> None:
    sealed: list[bytes] = []

    def close() -> None:
        sealed.append(vault.encrypt("lead:1", b"hello"))
        connection.close()

    threads = [threading.Thread(target=close) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [vault.decrypt("lead:1", one) for one in sealed] == [b"hello"] * 8
    assert SubjectKey.objects.count() == 1
