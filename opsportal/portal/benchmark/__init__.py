"""`manage.py benchmark pages`: what each page costs in a company of believable size: queries, server time, bytes.

Past a budget a figure is marked. `--rows` says how many handoffs there are; a database that is filled already is
measured as it is.
"""

from typing import TextIO

from django.db import connection

from opsportal import clock
from opsportal.portal.benchmark import company, pages

NAME = "pages"
ROWS = 100_000


def run(out: TextIO, rows: int = ROWS) -> None:
    """Fill the database unless it is, then print one line a page for each kind of person."""
    if connection.vendor != "postgresql":
        out.write("This benchmark needs PostgreSQL.\n")
        return
    now = clock.database_now().replace(microsecond=0)
    if not company.is_there():
        out.write(f"{company.found(rows, now)}\n")
    for role in company.ROLES:
        pages.measure(out, company.get_person(role), pages.samples(now))
