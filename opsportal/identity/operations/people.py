"""People, their roles, teams and absences. Nobody is deleted: who left is deactivated."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Model

from opsportal.audit.engine import Actor, Draft, Subject
from opsportal.audit.operations import record
from opsportal.errors import Conflict, InvalidInput, InvalidInputs
from opsportal.identity.models import Absence, Person, Team
from opsportal.identity.roles import GROUP_NAMES, Role

PERSON_FIELDS = ("name", "email", "timezone", "slack_id", "manager", "team")


def subject_of(person: Person) -> Subject:
    return Subject("person", str(person.pk), str(person))


@transaction.atomic
def create_person(
    *,
    actor: Actor,
    now: datetime,
    username: str,
    roles: Iterable[Role] = (),
    password: str | None = None,
    active: bool = True,
    **fields: Any,
) -> Person:
    """A new person; without a password they cannot sign in until one is set. `fields` as in PERSON_FIELDS.

    Raises InvalidInputs for values the model refuses, Conflict when the user name is taken (in any case).
    """
    username = Person.normalize_username(username)
    person = Person(username=username, date_joined=now, is_active=active, **fields)
    person.set_password(password)
    _check(person)
    taken = Conflict("username_taken", f"There is somebody with the user name “{username}” already.", field="username")
    _insert(person, taken)
    _grant(person, roles)
    record(_draft("person.created", person, actor, now, after=_values(person) | {"roles": person.roles}))
    return person


@transaction.atomic
def change_person(person: Person, *, actor: Actor, now: datetime, **changes: Any) -> Person:
    """Change fields of PERSON_FIELDS; the trail holds only what differs. Raises InvalidInputs."""
    if unknown := set(changes) - set(PERSON_FIELDS):
        raise TypeError(f"These are not changed here: {', '.join(unknown)}")
    person = _locked(person)
    before = _values(person)
    for name, value in changes.items():
        setattr(person, name, value)
    _check(person)
    _check_manager(person)
    after = _values(person)
    changed = [name for name in PERSON_FIELDS if before[name] != after[name]]
    if changed:
        person.save(update_fields=changed)
        record(_draft("person.changed", person, actor, now, before=_only(before, changed), after=_only(after, changed)))
    return person


@transaction.atomic
def set_roles(person: Person, roles: Iterable[Role], *, actor: Actor, now: datetime) -> Person:
    """Replace the roles. Raises Conflict when it would leave nobody who may look after people."""
    person, wanted = _locked(person), list(roles)
    before = person.roles
    if set(before) == set(wanted):
        return person
    if Role.ADMIN in before and Role.ADMIN not in wanted:
        _check_another_admin(person)
    _grant(person, wanted)
    record(_draft("person.roles_changed", person, actor, now, before={"roles": before}, after={"roles": person.roles}))
    return person


@transaction.atomic
def deactivate_person(person: Person, *, actor: Actor, now: datetime, reason: str = "") -> Person:
    """They are signed out everywhere and their tokens end with this. Raises Conflict for the last admin."""
    person = _locked(person)
    if person.is_active:
        if Role.ADMIN in person.roles:
            _check_another_admin(person)
        person.is_active = False
        person.save(update_fields=["is_active"])
        person.sessions.all().delete()
        record(_draft("person.deactivated", person, actor, now, reason=reason))
    return person


@transaction.atomic
def reactivate_person(person: Person, *, actor: Actor, now: datetime) -> Person:
    person = _locked(person)
    if not person.is_active:
        person.is_active = True
        person.save(update_fields=["is_active"])
        record(_draft("person.reactivated", person, actor, now))
    return person


@transaction.atomic
def revise_person(
    person: Person,
    *,
    actor: Actor,
    now: datetime,
    roles: Iterable[Role] | None = None,
    active: bool | None = None,
    **changes: Any,
) -> Person:
    """Fields, roles and activity in one step; what is None stays. All or nothing."""
    person = change_person(person, actor=actor, now=now, **changes)
    if roles is not None:
        person = set_roles(person, roles, actor=actor, now=now)
    if active is not None:
        switch = reactivate_person if active else deactivate_person
        person = switch(person, actor=actor, now=now)
    return person


@transaction.atomic
def create_team(*, slug: str, name: str, actor: Actor, now: datetime) -> Team:
    """Raises InvalidInputs for a bad slug, Conflict for one that is taken."""
    team = Team(slug=slug, name=name)
    _check(team)
    _insert(team, Conflict("slug_taken", f"There is a team “{slug}” already.", field="slug"))
    record(
        Draft(actor, "team.created", Subject("team", slug, name), now, team=slug, after={"slug": slug, "name": name})
    )
    return team


@transaction.atomic
def rename_team(team: Team, *, name: str, actor: Actor, now: datetime) -> Team:
    """The slug stays: other rows name the team by it."""
    before, team.name = team.name, name
    _check(team)
    if before != name:
        team.save(update_fields=["name"])
        subject = Subject("team", team.slug, name)
        record(
            Draft(actor, "team.renamed", subject, now, team=team.slug, before={"name": before}, after={"name": name})
        )
    return team


@transaction.atomic
def add_absence(
    person: Person, *, from_at: datetime, until: datetime, reason: str = "", actor: Actor, now: datetime
) -> Absence:
    """Raises InvalidInput when it ends before it starts."""
    if until <= from_at:
        raise InvalidInput("ends_before_start", "An absence ends after it starts.", field="until")
    absence = Absence(person=person, from_at=from_at, until=until, reason=reason)
    _check(absence)
    absence.save()
    record(_draft("absence.added", person, actor, now, after={"from": from_at, "until": until}))
    return absence


@transaction.atomic
def end_absence(absence: Absence, *, actor: Actor, now: datetime) -> None:
    """The person is back: a running absence ends now, one that lies ahead is taken out. The past stays as it was."""
    before = {"from": absence.from_at, "until": absence.until}
    if absence.until <= now:
        raise Conflict("already_over", "This absence is over already.")
    if absence.from_at >= now:
        absence.delete()
    else:
        absence.until = now
        absence.save(update_fields=["until"])
    record(_draft("absence.ended", absence.person, actor, now, before=before, after={"until": now}))


def _insert(row: Model, taken: Conflict) -> None:
    """The schema decides who came first; whoever came second is told so."""
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as refused:
        raise taken from refused


def _draft(action: str, person: Person, actor: Actor, now: datetime, **details: Any) -> Draft:
    return Draft(actor, action, subject_of(person), now, team=person.team.slug if person.team else "", **details)


def _locked(person: Person) -> Person:
    return Person.objects.select_for_update().get(pk=person.pk)


def _grant(person: Person, roles: Iterable[Role]) -> None:
    """Groups follow the roles; the admin role alone opens the admin site, and nobody is made a superuser."""
    wanted = set(roles)
    person.groups.set([Group.objects.get_or_create(name=GROUP_NAMES[role])[0] for role in wanted])
    person.is_staff = Role.ADMIN in wanted
    person.save(update_fields=["is_staff"])
    for name in ("roles", "scopes"):  # read once per object, so read anew
        person.__dict__.pop(name, None)


def _check_another_admin(person: Person) -> None:
    admins = Person.objects.filter(groups__name=GROUP_NAMES[Role.ADMIN], is_active=True).select_for_update()
    if all(admin.pk == person.pk for admin in admins):
        raise Conflict(
            "last_admin", "Somebody else needs the admin role first: nobody could look after people any more."
        )


def _check_manager(person: Person) -> None:
    above, seen = person.manager, set()
    while above is not None and above.pk not in seen:
        if above.pk == person.pk:
            raise InvalidInput(
                "manager_circle", "Nobody can be their own manager, directly or in a circle.", field="manager"
            )
        seen.add(above.pk)
        above = above.manager


def _check(record_: Model) -> None:
    try:
        record_.full_clean(exclude=["password"], validate_unique=False, validate_constraints=False)
    except ValidationError as error:
        raise InvalidInputs(_as_domain_errors(error)) from None


def _as_domain_errors(error: ValidationError) -> list[InvalidInput]:
    return [
        InvalidInput(str(one.code or "invalid"), " ".join(one.messages), field=field)
        for field, several in error.error_dict.items()
        for one in several
    ]


def _values(person: Person) -> dict[str, Any]:
    plain = {name: getattr(person, name) for name in ("name", "email", "timezone", "slack_id")}
    manager, team = person.manager, person.team
    return plain | {"manager": manager.username if manager else None, "team": team.slug if team else None}


def _only(values: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: values[name] for name in names}
