"""People, teams and tokens for tests. Everything has a working default, and a counter keeps names apart."""

import itertools
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from opsportal.audit.engine import Actor
from opsportal.identity import operations
from opsportal.identity.models import ApiToken, Person, Team
from opsportal.identity.roles import Role

NOW = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)
SETUP = Actor.system("setup")
PASSWORD = "correct horse battery staple"

_numbers = itertools.count(1)


def make_team(slug: str = "", *, name: str = "") -> Team:
    slug = slug or f"team-{next(_numbers)}"
    return operations.create_team(slug=slug, name=name or slug.title(), actor=SETUP, now=NOW)


def make_person(
    username: str = "",
    *,
    roles: Iterable[Role] = (Role.ANALYST,),
    team: Team | None = None,
    password: str | None = None,
    **fields: Any,
) -> Person:
    username = username or f"person{next(_numbers)}"
    defaults: dict[str, Any] = {"name": username.title(), "email": f"{username}@example.org"}
    return operations.create_person(
        username=username, roles=roles, team=team, password=password, actor=SETUP, now=NOW, **{**defaults, **fields}
    )


def make_token(
    *scopes: str,
    name: str = "",
    days: int = 30,
    team: Team | None = None,
    person: Person | None = None,
    now: datetime | None = None,
    **fields: Any,
) -> tuple[ApiToken, str]:
    """A token that is valid at present (tests that steer the clock give `now`) and its text."""
    from opsportal import clock

    return operations.create_token(
        name=name or f"token {next(_numbers)}",
        scopes=scopes or ("admin",),
        days=days,
        team=team,
        person=person,
        actor=SETUP,
        now=now or clock.now(),
        **fields,
    )


def bearer(text: str) -> dict[str, str]:
    """The header a client sends, for Django's test client: `client.get(url, headers=bearer(text))`."""
    return {"Authorization": f"Bearer {text}"}
