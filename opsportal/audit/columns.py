"""Column defaults that only PostgreSQL computes. SQLite has one writer at a time and needs no horizon: 0 there."""

from typing import Any

from django.db.models import Func
from django.db.models.sql.compiler import SQLCompiler


class _OnPostgres(Func):
    expression = ""

    def as_sql(self, compiler: SQLCompiler, connection: Any, **extra: Any) -> tuple[str, tuple[()]]:  # type: ignore[override]
        return (self.expression if connection.vendor == "postgresql" else "0"), ()


class WritingTransaction(_OnPostgres):
    """The 64-bit id of the top-level transaction (an xid8 as a bigint, so it compares and travels as a number)."""

    expression = "(pg_current_xact_id()::text::bigint)"


class WritingCluster(_OnPostgres):
    """PostgreSQL's system identifier. A statement trigger puts it into the setting, because it is read from a file."""

    expression = "(current_setting('opsportal.audit_cluster')::bigint)"
