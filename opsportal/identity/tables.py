"""The lists of people and tokens."""

from functools import cached_property
from typing import Any

import django_filters
from django import forms
from django.db.models import Q, QuerySet
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from opsportal import clock
from opsportal.identity import ownership, queries
from opsportal.identity.models import ApiToken, Person, Team
from opsportal.identity.roles import GROUP_NAMES, Role
from opsportal.web.filters import FilterSet
from opsportal.web.tables import BadgeColumn, Column, LinkColumn, Table, WhenColumn

STATES = {"here": "good", "away": "warn", "left": "calm"}
SHOWN_OWNED = 3


class PeopleTable(Table):
    """Over people with absence (queries.with_absence). What they own is asked once for all rows of the page."""

    caption = "People"
    empty_title = "Nobody here yet"
    empty_sentence = "Somebody with the Admin role adds the first person."

    name = LinkColumn("identity:person", key="username")
    state = BadgeColumn(tone=lambda state: STATES[state], accessor="pk", orderable=False, verbose_name="Now")
    team = Column()
    roles = Column(accessor="pk", orderable=False)
    reachable = Column(accessor="pk", orderable=False, verbose_name="Reachable by")
    manager = Column()
    owns = Column(accessor="pk", orderable=False)

    @cached_property
    def _people(self) -> list[Person]:
        return [row.record for row in self.paginated_rows]

    @cached_property
    def _owned(self) -> dict[int, list[ownership.Owned]]:
        return ownership.owned_by([person.pk for person in self._people])

    def render_state(self, record: Person) -> SafeString:
        return self._badge(self.value_state(record))

    def _badge(self, word: str) -> SafeString:
        column: BadgeColumn = self.columns["state"].column
        return column.render(word)

    def value_state(self, record: Person) -> str:
        if not record.is_active:
            return "left"
        return "away" if record.is_away else "here"  # type: ignore[attr-defined]

    def render_roles(self, record: Person) -> str:
        return ", ".join(GROUP_NAMES[role] for role in record.roles) or "–"

    def render_reachable(self, record: Person) -> str:
        return ", ".join(reachable_by(record)) or "–"

    def render_owns(self, record: Person) -> SafeString | str:
        owned = self._owned.get(record.pk, [])
        if not owned:
            return "–"
        links = format_html_join(", ", '<a href="{}">{}</a>', ((each.url, each.label) for each in owned[:SHOWN_OWNED]))
        rest = len(owned) - SHOWN_OWNED
        return format_html("{} and {} more", links, rest) if rest > 0 else links

    def value_owns(self, record: Person) -> str:
        return ", ".join(each.label for each in self._owned.get(record.pk, []))


def reachable_by(person: Person) -> list[str]:
    """The ways somebody can be told something, apart from the inbox of the portal."""
    return [word for word, handle in (("Slack", person.slack_id), ("mail", person.email)) if handle]


class PeopleFilter(FilterSet):
    q = django_filters.CharFilter(label="Search", method="search", max_length=200)
    team = django_filters.ModelChoiceFilter(queryset=Team.objects.all(), to_field_name="slug", empty_label="Any team")
    role = django_filters.ChoiceFilter(
        label="Role",
        empty_label="Any role",
        choices=[(str(role), name) for role, name in GROUP_NAMES.items()],
        method="with_role",
    )
    active = django_filters.ChoiceFilter(
        label="Who",
        choices=[("no", "Those who left"), ("any", "Everybody")],
        empty_label="Those who are here",
        method="by_activity",
    )

    class Meta(FilterSet.Meta):
        model = Person
        fields: list[str] = []

    @property
    def qs(self) -> QuerySet[Any]:
        """Who left is shown on request only."""
        found = super().qs
        return found if self.data.get("active") else found.filter(is_active=True)

    def search(self, queryset: QuerySet[Person], name: str, text: str) -> QuerySet[Person]:
        return queryset.filter(Q(name__icontains=text) | Q(username__icontains=text) | Q(email__icontains=text))

    def with_role(self, queryset: QuerySet[Person], name: str, role: str) -> QuerySet[Person]:
        return queryset.filter(groups__name=GROUP_NAMES[Role(role)])

    def by_activity(self, queryset: QuerySet[Person], name: str, wanted: str) -> QuerySet[Person]:
        return queryset.filter(is_active=False) if wanted == "no" else queryset


TOKEN_TONES = {"in use": "good", "never used": "calm", "ends soon": "warn", "ended": "bad"}


class TokenTable(Table):
    caption = "Tokens"
    empty_title = "No tokens"
    empty_sentence = "Programs that send or read here need one each."

    name = LinkColumn("identity:token")
    state = BadgeColumn(tone=lambda word: TOKEN_TONES[word], accessor="pk", orderable=False)
    key_id = Column(verbose_name="Key id")
    scopes = Column(orderable=False)
    person = Column(verbose_name="Answers for it")
    source = Column()
    last_used_at = WhenColumn(verbose_name="Last used")
    expires_at = WhenColumn(verbose_name="Ends")

    def render_state(self, record: ApiToken) -> SafeString:
        column: BadgeColumn = self.columns["state"].column
        return column.render(self.value_state(record))

    def value_state(self, record: ApiToken) -> str:
        return queries.token_state(record, clock.now())

    def render_scopes(self, value: list[str]) -> str:
        return ", ".join(value)

    def value_scopes(self, value: list[str]) -> str:
        return " ".join(value)


class TokenFilter(FilterSet):
    q = django_filters.CharFilter(label="Search", method="search", max_length=200)
    ended = django_filters.BooleanFilter(label="Ended ones too", method="including_ended", widget=forms.CheckboxInput)

    class Meta(FilterSet.Meta):
        model = ApiToken
        fields: list[str] = []

    @property
    def qs(self) -> QuerySet[Any]:
        found = super().qs
        return found if self.data.get("ended") else found.filter(disabled_at=None, expires_at__gt=clock.now())

    def search(self, queryset: QuerySet[ApiToken], name: str, text: str) -> QuerySet[ApiToken]:
        return queryset.filter(Q(name__icontains=text) | Q(key_id__startswith=text) | Q(source__icontains=text))

    def including_ended(self, queryset: QuerySet[ApiToken], name: str, wanted: bool) -> QuerySet[ApiToken]:
        return queryset
