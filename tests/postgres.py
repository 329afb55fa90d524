"""The throw-away PostgreSQL of the tests; the code lives with the workbench, whose benchmarks use it too."""

from opsportal.workbench.postgres import PostgresMissing, postgres_url

__all__ = ["PostgresMissing", "postgres_url"]
