"""A list page: filters, sorting, pages, the same rows as CSV; bad query values are told, never guessed."""

import django_filters
import pytest
from django.urls import path

from opsportal.errors import Conflict
from opsportal.identity.models import Person
from opsportal.web import listing
from opsportal.web.bulk import BulkAction, confirm_page, selected
from opsportal.web.filters import FilterSet
from opsportal.web.listing import list_page
from opsportal.web.tables import Column, LinkColumn, NumberColumn, SelectColumn, Table, WhenColumn
from tests.factories.identity import make_person, make_team

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]

HOSTILE = "<script>alert(1)</script>{{7*7}}"


class PeopleTable(Table):
    caption = "People"
    empty_title = "Nobody yet"
    select = SelectColumn()
    name = LinkColumn("person")
    username = Column()
    pk = NumberColumn(verbose_name="Number")
    date_joined = WhenColumn()


class PeopleFilters(FilterSet):
    name = django_filters.CharFilter(lookup_expr="icontains")
    number = django_filters.NumberFilter(field_name="pk")
    joined = django_filters.DateFilter(field_name="date_joined", lookup_expr="date__gte")


def people(request):
    return list_page(
        request,
        queryset=Person.objects.order_by("username"),
        table_class=PeopleTable,
        filter_class=PeopleFilters,
        title="People",
        csv_name="people",
        bulk_actions=[BulkAction("Greet…", "greet")],
    )


def greet(request):
    def act(person):
        if person.username == "zoe":
            raise Conflict("away", "Zoe is away.")
        return f"Greeted {person}."

    return confirm_page(
        request,
        rows=selected(request, Person.objects.exclude(username="hidden")),
        title="Greet people",
        sentence="Each gets a message.",
        button="Greet them",
        act=act,
        back_url="/people/",
    )


from opsportal.urls import urlpatterns as portal_urls  # noqa: E402

urlpatterns = [
    path("people/", people, name="people_list"),
    path("people/<int:pk>/", people, name="person"),
    path("greet/", greet, name="greet"),
    *portal_urls,
]


@pytest.fixture
def reader(client):
    client.force_login(make_person("ada", name="Ada"), backend="opsportal.identity.backends.PersonBackend")
    return client


def names(response):
    return [row.record.username for row in response.context["table"].paginated_rows]


def csv_lines(response):
    return b"".join(response.streaming_content).decode("utf-8-sig").splitlines()


def test_filters_and_sorting_come_from_the_address(reader):
    make_person("bo", name="Bo")
    make_person("zoe", name="Zo E")
    assert names(reader.get("/people/?name=o&sort=-username")) == ["zoe", "bo"]


def test_rows_are_linked_and_stand_at_their_address(reader):
    page = reader.get("/people/").content.decode()
    ada = Person.objects.get(username="ada")
    assert f'id="row-{ada.pk}"' in page
    assert f'href="/people/{ada.pk}/"' in page


@pytest.mark.parametrize("query", ["number=abc", "joined=yesterday", "number=%00", "name=%00"])
def test_a_bad_value_is_told_at_its_field_and_filters_to_nothing(reader, query):
    response = reader.get(f"/people/?{query}")
    assert response.status_code == 400
    assert names(response) == []
    assert b'class="error"' in response.content


@pytest.mark.parametrize(
    "query", ["sort=password", "sort=pk;drop", "sort=-nope,name", "page=0", "page=9", "page=x", "page=²"]
)
def test_an_unknown_order_or_page_is_told_and_the_usual_list_is_shown(reader, query):
    response = reader.get("/people/", dict([query.split("=")]))
    assert response.status_code == 400
    assert names(response) == ["ada"]
    assert response.context["problem"]


def test_csv_has_the_same_rows_in_the_same_order(reader):
    make_person("bo", name="=HYPERLINK(1)")
    response = reader.get("/people/?sort=-username&format=csv")
    header, first, second = csv_lines(response)
    assert header == "Name,Username,Number,Date joined"
    assert first.startswith("'=HYPERLINK(1),bo,")
    assert first.endswith("Z")
    assert second.startswith("Ada,ada,")


def test_csv_with_a_bad_filter_is_the_page_that_says_so(reader):
    response = reader.get("/people/?number=abc&format=csv")
    assert response.status_code == 400
    assert not response.streaming


def test_fifty_rows_a_page(reader):
    Person.objects.bulk_create(Person(username=f"p{n:03}", name=f"P {n}") for n in range(60))
    first = reader.get("/people/?sort=username")
    assert len(names(first)) == 50
    assert b"1\xe2\x80\x9350 of 61" in first.content
    assert b'rel="next" href="?sort=username&amp;page=2"' in first.content
    assert len(names(reader.get("/people/?sort=username&page=2"))) == 11


def test_a_large_table_is_not_counted_to_the_end(reader, monkeypatch):
    monkeypatch.setattr(listing, "COUNT_LIMIT", 20)
    Person.objects.bulk_create(Person(username=f"p{n:03}", name="P") for n in range(60))
    assert reader.get("/people/").context["table"].paginator.total == "20+"


def test_an_empty_list_says_why(reader):
    assert b"Nothing matches these filters" in reader.get("/people/?name=nobody").content


def test_hostile_names_are_text(reader):
    make_person("mallory", name=HOSTILE)
    for address in ("/people/", f"/people/?name={HOSTILE}", "/greet/?selected=1&selected=2"):
        assert b"<script>alert" not in reader.get(address).content


def test_a_page_stays_small_and_asks_little(reader, django_assert_max_num_queries):
    Person.objects.bulk_create(Person(username=f"p{n:03}", name=f"Somebody with a name {n}") for n in range(60))
    reader.get("/people/")
    with django_assert_max_num_queries(10):
        response = reader.get("/people/")
    assert len(response.content) < 100_000


def test_a_bulk_action_asks_first_and_then_answers_row_by_row(reader):
    bo, zoe = make_person("bo", name="Bo"), make_person("zoe", name="Zoe")
    asked = reader.get("/greet/", {"selected": [bo.pk, zoe.pk]}).content
    assert b"Each gets a message." in asked
    assert b"2 records" in asked
    done = reader.post("/greet/", {"selected": [bo.pk, zoe.pk]}).content
    assert b"Greeted Bo." in done
    assert b"Zoe is away." in done


def test_only_rows_within_reach_can_be_selected(reader):
    hidden = make_person("hidden")
    for keys in ([hidden.pk], ["abc", "", "\x00"], []):
        assert b"No rows were selected" in reader.get("/greet/", {"selected": keys}).content


def test_a_team_is_shown_by_its_name(reader):
    team = make_team("east", name=HOSTILE)
    make_person("bo", team=team)
    assert reader.get("/people/").status_code == 200
