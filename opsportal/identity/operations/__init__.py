"""Writes about people, tokens and access: atomic, with `actor` and `now`, each leaving one entry in the trail."""

from opsportal.identity.operations.access import (
    change_password,
    end_session,
    record_failed_sign_in,
    record_lock,
    record_refused_scope,
    record_sign_in,
    record_sign_out,
    unlock,
)
from opsportal.identity.operations.people import (
    add_absence,
    change_person,
    create_person,
    create_team,
    deactivate_person,
    end_absence,
    reactivate_person,
    rename_team,
    revise_person,
    set_roles,
)
from opsportal.identity.operations.tokens import (
    create_token,
    note_use,
    record_leaked_token,
    record_refused_token,
    revoke_token,
    rotate_token,
)

__all__ = [
    "add_absence",
    "change_password",
    "change_person",
    "create_person",
    "create_team",
    "create_token",
    "deactivate_person",
    "end_absence",
    "end_session",
    "note_use",
    "reactivate_person",
    "record_failed_sign_in",
    "record_leaked_token",
    "record_lock",
    "record_refused_scope",
    "record_refused_token",
    "record_sign_in",
    "record_sign_out",
    "rename_team",
    "revise_person",
    "revoke_token",
    "rotate_token",
    "set_roles",
    "unlock",
]
