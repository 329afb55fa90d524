"""Many payloads are closed by a statement or two, under the same keys as one by one."""

import pytest

from opsportal.vault import operations as vault
from opsportal.vault.models import SubjectKey

pytestmark = pytest.mark.django_db


def test_many_subjects_cost_as_many_statements_as_one(django_assert_max_num_queries):
    vault.encrypt("lead:old", b"before")
    pairs = [(f"lead:{number % 100}", b"%d" % number) for number in range(300)] + [("lead:old", b"after")]
    with django_assert_max_num_queries(5):
        closed = vault.encrypt_many(pairs)
    assert [vault.decrypt(subject, sealed) for (subject, _), sealed in zip(pairs, closed, strict=True)] == [
        plaintext for _, plaintext in pairs
    ]
    assert SubjectKey.objects.count() == 101


def test_what_was_shredded_gets_a_new_key():
    (old,) = vault.encrypt_many([("lead:1", b"before")])
    vault.shred("lead:1")
    (new,) = vault.encrypt_many([("lead:1", b"after")])
    assert vault.decrypt("lead:1", new) == b"after"
    with pytest.raises(vault.Shredded):
        vault.decrypt("lead:1", old)
