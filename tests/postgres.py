"""The throw-away PostgreSQL of the tests; the code lives with the workbench, whose benchmarks use it too."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import environ
import psycopg

from opsportal.workbench.postgres import PostgresMissing, postgres_url

__all__ = ["PostgresMissing", "connect", "extra_postgres_database", "postgres_url"]


def connect(url: str, **options: Any) -> psycopg.Connection[Any]:
    """A plain connection to a database URL in django-environ's form."""
    config = environ.Env.db_url_config(url)
    named = {"host": "HOST", "port": "PORT", "user": "USER", "password": "PASSWORD", "dbname": "NAME"}
    return psycopg.connect(**{key: config[name] for key, name in named.items() if config[name]}, **options)


@contextmanager
def extra_postgres_database(url: str) -> Iterator[str]:
    """One more, empty database in the same cluster, dropped with whoever is still connected to it."""
    name = f"extra_{uuid.uuid4().hex[:12]}"
    with connect(url, autocommit=True) as session:
        session.execute(f"CREATE DATABASE {name}")
    try:
        yield f"{url.rpartition('/')[0]}/{name}"
    finally:
        with connect(url, autocommit=True) as session:
            session.execute(f"DROP DATABASE {name} WITH (FORCE)")
