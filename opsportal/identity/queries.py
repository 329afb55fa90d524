"""Reads about people: who sees which team, who is away, who is who."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, Q, QuerySet

from opsportal.errors import InvalidInput, NotFound
from opsportal.identity.actors import Principal
from opsportal.identity.models import Absence, ApiToken, Person, SavedFilter, Team
from opsportal.identity.roles import GROUP_NAMES, Role


def visible_teams(principal: Principal | None) -> set[int] | None:
    """Ids of the teams whose records a principal may see; None means every team.

    Ops leads, admins, viewers without a team and tokens without a team see all. Records without a team are visible to
    everyone, and people also see what they own or back up: the querysets add both.
    """
    if principal is None:
        return set()
    if isinstance(principal, ApiToken):
        return _teams_of_token(principal)
    roles = principal.roles
    if Role.OPS_LEAD in roles or Role.ADMIN in roles:
        return None
    if principal.team_id is None:
        return None if Role.VIEWER in roles else set()
    return {principal.team_id}


def _teams_of_token(token: ApiToken) -> set[int] | None:
    answers_for = visible_teams(token.person) if token.person is not None else None
    if token.team_id is None:
        return answers_for
    return {token.team_id} if answers_for is None else {token.team_id} & answers_for


def visible_team_slugs(principal: Principal | None) -> set[str] | None:
    """The same as slugs, for rows that name their team by slug (the audit trail)."""
    ids = visible_teams(principal)
    if ids is None:
        return None
    if isinstance(principal, Person) and principal.team is not None:
        return {principal.team.slug}  # read once for the life of the person object, as their roles are
    return set(Team.objects.filter(pk__in=ids).values_list("slug", flat=True))


def person_of(principal: Principal | None) -> Person | None:
    """The person behind a principal: themselves, or who answers for the token."""
    return principal.person if isinstance(principal, ApiToken) else principal


def get_person(username: str) -> Person:
    """The active or former person of that user name; raises NotFound."""
    person = (
        Person.objects.select_related("team", "manager").filter(username=username).first() if _sane(username) else None
    )
    if person is None:
        raise NotFound("unknown_person", f"There is nobody with the user name “{username[:60]}”.")
    return person


def people_with_role(role: Role) -> QuerySet[Person]:
    """Everybody active who holds the role."""
    return Person.objects.filter(is_active=True, groups__name=GROUP_NAMES[role])


def may_look_after(principal: Principal | None, person: Person) -> bool:
    """Whether somebody may see why `person` is away, and say so for them: themselves, their manager, an ops lead
    (who moves their work) and whoever looks after people."""
    if principal is None:
        return False
    if principal.allows("people:write") or principal.allows("oncall:write"):
        return True
    return isinstance(principal, Person) and principal.pk in (person.pk, person.manager_id)


def get_team(slug: str) -> Team:
    """The team of that slug; raises NotFound."""
    team = Team.objects.filter(slug=slug).first() if _sane(slug) else None
    if team is None:
        raise NotFound("unknown_team", f"There is no team “{slug[:60]}”.")
    return team


def team_for(principal: Principal | None, slug: str | None) -> Team | None:
    """The team a principal may make things for. Whoever sees some teams only has to stay within them.

    Raises InvalidInput at team.
    """
    choices = list_teams(principal)
    if slug is None:
        own = list(choices[:2])
        if visible_teams(principal) is None:
            return None
        if len(own) == 1:
            return own[0]
        raise InvalidInput("blank", "Name a team that you belong to.", field="team")
    team = choices.filter(slug=slug).first()
    if team is None:
        raise InvalidInput("unknown_team", f"There is no team “{slug}”.", field="team")
    return team


def list_teams(principal: Principal | None) -> QuerySet[Team]:
    """The teams a principal may name."""
    teams = visible_teams(principal)
    return Team.objects.all() if teams is None else Team.objects.filter(pk__in=teams)


def present_absence(person: Person, now: datetime) -> Absence | None:
    """The absence that is running at `now`; of several the one that ends last."""
    return person.absences.filter(from_at__lte=now, until__gt=now).order_by("-until").first()


def with_absence(people: QuerySet[Person], now: datetime) -> QuerySet[Person]:
    """The same people, each with `is_away`: whether an absence is running at `now`."""
    running = Absence.objects.filter(person=OuterRef("pk"), from_at__lte=now, until__gt=now)
    return people.annotate(is_away=Exists(running))


def list_absences(person: Person, now: datetime) -> QuerySet[Absence]:
    """Running and coming ones, earliest first."""
    return person.absences.filter(until__gt=now).order_by("from_at")


def list_tokens(person: Person) -> QuerySet[ApiToken]:
    """The tokens this person may look after: their own, or all of them for those who look after people."""
    tokens = ApiToken.objects.select_related("person", "team", "created_by")
    return tokens if person.allows("people:write") else tokens.filter(person=person)


def may_make_tokens(person: Person) -> bool:
    """Viewers read pages; everybody else may let a program do what they may do themselves."""
    return any(role != Role.VIEWER for role in person.roles)


def list_saved_filters(person: Person, page: str) -> QuerySet[SavedFilter]:
    """One's own filters of a page, and those shared with one's team."""
    mine = Q(person=person)
    if person.team_id is not None:
        mine |= Q(team=person.team_id)
    return SavedFilter.objects.filter(mine, page=page)


def token_state(token: ApiToken, now: datetime) -> str:
    """in use, never used, ends soon (within two weeks) or ended."""
    if not token.is_usable(now):
        return "ended"
    if token.expires_at - now < timedelta(days=14):
        return "ends soon"
    return "in use" if token.last_used_at else "never used"


def _sane(key: str) -> bool:
    return "\x00" not in key  # PostgreSQL refuses NUL in a parameter


def absent_person_ids(ids: Iterable[int], now: datetime) -> set[int]:
    """Which of these people are away at `now`, with one query."""
    away = Absence.objects.filter(person__in=list(ids), from_at__lte=now, until__gt=now)
    return set(away.values_list("person_id", flat=True))
