"""SQLite has no roles: triggers refuse what comes through SQL; an edited file is found by the seals, not refused."""

from typing import Any

# Names of the house only, no values from outside.
# ruff: noqa: S608

KEYS = {"audit_entry": "id", "audit_detail": "entry_id", "audit_seal": "number"}


def _trigger(name: str, when: str, sentence: str = "The audit trail is append-only.") -> str:
    return f"CREATE TRIGGER {name} {when} BEGIN SELECT RAISE(ABORT, '{sentence}'); END"


def _triggers() -> dict[str, str]:
    triggers = {}
    for table, key in KEYS.items():
        # INSERT OR REPLACE deletes the old row without firing its delete trigger: an id that exists is refused first.
        exists = f"EXISTS (SELECT 1 FROM {table} WHERE {key} = NEW.{key})"
        triggers[f"{table}_replace"] = f"BEFORE INSERT ON {table} WHEN {exists}"
        triggers[f"{table}_delete"] = f"BEFORE DELETE ON {table}"
    for table in ("audit_entry", "audit_seal"):
        key = KEYS[table]
        behind = f"NEW.{key} < 1 OR NEW.{key} < (SELECT max({key}) FROM {table})"
        triggers[f"{table}_update"] = f"BEFORE UPDATE ON {table}"
        triggers[f"{table}_last"] = f"AFTER INSERT ON {table} WHEN {behind}"
    return {name: _trigger(name, when) for name, when in triggers.items()}


# It looks at no other table: SQLite could not rename that one any more, and a later migration would fail.
BLANK_ONLY = (
    "BEFORE UPDATE ON audit_detail WHEN NEW.entry_id <> OLD.entry_id OR OLD.erased_at IS NOT NULL"
    " OR NEW.erased_at IS NULL OR NEW.body <> '' OR length(NEW.salt) > 0"
)
TRIGGERS = _triggers() | {
    "audit_detail_blank": _trigger(
        "audit_detail_blank", BLANK_ONLY, "The audit trail is append-only: a detail may only be blanked, once."
    )
}


def install_statements(cursor: Any) -> list[str]:
    absent = missing(cursor)
    return [f"DROP TRIGGER IF EXISTS {name}" for name in absent] + [TRIGGERS[name] for name in absent]


def remove_statements() -> list[str]:
    return [f"DROP TRIGGER IF EXISTS {name}" for name in TRIGGERS]


def missing(cursor: Any) -> list[str]:
    cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
    present = dict(cursor.fetchall())
    return [name for name, statement in TRIGGERS.items() if present.get(name) != statement]
