"""The people of the demo, their teams, absences and access. Names are invented."""

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from opsportal.audit.engine import Actor
from opsportal.identity import operations
from opsportal.identity.models import ApiToken, Person, Team
from opsportal.identity.roles import Role

if TYPE_CHECKING:
    from slos.models import PingProject

SETUP = Actor.system("setup")
TOKEN_DAYS = 365
CHECKS = "Demo checks"


@dataclass(frozen=True, slots=True)
class Part:
    """One person: `login` names the role they show in the access file, `manager` is a user name from above."""

    username: str
    name: str
    zone: str
    role: Role
    slack_id: str = ""
    team: str = ""
    manager: str = ""
    login: str = ""


PARTS = (
    Part("helena", "Helena Brandt", "Europe/Berlin", Role.VIEWER, "U0HELENA", login="viewer"),
    Part("jonas", "Jonas Lind", "Europe/Stockholm", Role.ADMIN, "U0JONAS", "revops", login="admin"),
    Part("marta", "Marta Kowalska", "Europe/Warsaw", Role.OPS_LEAD, "U0MARTA", "revops", "helena", login="ops_lead"),
    Part("daniel", "Daniel Weber", "Europe/Berlin", Role.ANALYST, "U0DANIEL", "sales", "helena"),
    Part("priya", "Priya Nair", "Europe/London", Role.ANALYST, "U0PRIYA", "sales", "marta", login="analyst"),
    Part("tomas", "Tomás Ortega", "Europe/Madrid", Role.ANALYST, "U0TOMAS", "sales", "daniel", login="responder"),
    Part("lena", "Lena Fischer", "Europe/Berlin", Role.ANALYST, "U0LENA", "sales", "daniel"),
    Part("amir", "Amir Haddad", "Europe/Paris", Role.ANALYST, "U0AMIR", "sales", "daniel"),
    Part("sofia", "Sofia Rossi", "Europe/Rome", Role.ANALYST, "U0SOFIA", "sales", "daniel"),
    Part("ben", "Ben Carter", "America/New_York", Role.ANALYST, "U0BEN", "sales", "daniel"),
)
TEAMS = {"sales": "Sales", "revops": "Revenue operations"}
# Who takes leads, and who backs them up: the next in the ring.
RING = ("tomas", "lena", "amir", "sofia", "ben")
ABSENT = "sofia"


@dataclass(slots=True)
class Cast:
    """Everybody by user name, the teams by slug, and the program that sends leads."""

    people: dict[str, Person] = field(default_factory=dict)
    teams: dict[str, Team] = field(default_factory=dict)
    crm: ApiToken | None = None

    def actor(self, username: str) -> Actor:
        from opsportal.identity.actors import actor_for

        return actor_for(self.people[username])

    def crm_actor(self) -> Actor:
        from opsportal.identity.actors import actor_for

        return actor_for(self.crm) if self.crm else Actor.system("crm")

    def backup_of(self, username: str) -> str:
        return RING[(RING.index(username) + 1) % len(RING)]


def assemble(*, now: datetime) -> Cast:
    """Everybody as they joined at `now`; nobody can sign in yet."""
    cast = Cast()
    for slug, name in TEAMS.items():
        cast.teams[slug] = operations.create_team(slug=slug, name=name, actor=SETUP, now=now)
    for part in PARTS:
        cast.people[part.username] = operations.create_person(
            actor=SETUP,
            now=now,
            username=part.username,
            roles=[part.role],
            name=part.name,
            email=f"{part.username}@northbeam.example",
            timezone=part.zone,
            slack_id=part.slack_id,
            team=cast.teams.get(part.team),
            manager=cast.people.get(part.manager),
        )
    cast.crm, _ = operations.create_token(
        name="CRM", scopes=["handoffs:write", "handoffs:read"], days=TOKEN_DAYS, source="crm", actor=SETUP, now=now
    )
    return cast


def reassemble() -> Cast:
    """The cast of a demo that has run before."""
    return Cast(
        people={person.username: person for person in Person.objects.select_related("team", "manager")},
        teams={team.slug: team for team in Team.objects.all()},
        crm=ApiToken.objects.filter(name="CRM").first(),
    )


def note_absences(cast: Cast, *, now: datetime) -> None:
    """One was away and is back, one is away at present: nothing is handed to them."""
    spells = [("amir", now - timedelta(days=24), 5, "Holiday"), (ABSENT, now - timedelta(days=2), 9, "Parental leave")]
    for username, from_at, days, reason in spells:
        operations.add_absence(
            cast.people[username],
            from_at=from_at,
            until=from_at + timedelta(days=days),
            reason=reason,
            actor=cast.actor("daniel"),
            now=from_at - timedelta(days=6),
        )


def grant_access(cast: Cast, *, now: datetime) -> dict[str, Any]:
    """New passwords for the roles and a new token; the only place where they can be read is what this returns."""
    logins = []
    for part in PARTS:
        if part.login:
            password = secrets.token_urlsafe(12)
            operations.change_password(cast.people[part.username], password, actor=SETUP, now=now)
            logins.append({"role": part.login, "username": part.username, "password": password})
    _, token = operations.create_token(name="Demo", scopes=["admin"], days=TOKEN_DAYS, actor=SETUP, now=now)
    return {"logins": logins, "token": token, **_ping_keys(now)}


def _ping_keys(now: datetime) -> dict[str, str]:
    """Keys for programs that speak the protocol of healthchecks.io."""
    project = ping_project(now=now)
    return {"healthchecks_api_key": project.integration.key, "ping_key": project.ping_key}


def ping_project(*, now: datetime) -> "PingProject":
    """The set of keys that the heartbeats of the demo belong to."""
    from slos.heartbeats.operations import create_project
    from slos.models import PingProject

    known = PingProject.objects.select_related("integration").filter(integration__name=CHECKS).first()
    return known or create_project(name=CHECKS, actor=SETUP, now=now)
