"""Django's admin in our colours: no violation of the policy, no finding of axe, the theme of the pages."""

import pytest
from django.contrib import admin
from django.template import Context, Template
from django.urls import reverse

from handoffs.models import Handoff
from opsportal.identity.roles import Role
from tests.factories.handoffs import make_handoff
from tests.factories.identity import make_person

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def clerk():
    make_handoff()
    return make_person("ruth", name="Ruth", roles=[Role.ADMIN, Role.OPS_LEAD], is_staff=True)


def lists():
    names = (f"{model._meta.app_label}_{model._meta.model_name}" for model in admin.site._registry)
    return ["/admin/", *(reverse(f"admin:{name}_changelist") for name in names)]


def forms():
    """The first record of every model that has one, and every form to add one."""
    for model in admin.site._registry:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        yield reverse(f"{name}_add")
        if first := model._default_manager.first():
            yield reverse(f"{name}_change", args=[first.pk])


@pytest.mark.slow
def test_every_page_obeys_the_policy(visitor, clerk):
    visitor.sign_in(clerk)
    for address in [*lists(), *forms()]:
        if visitor.open(address).status == 200:
            visitor.check(axe=False)


@pytest.mark.slow
@pytest.mark.parametrize(
    "address",
    [
        "/admin/",
        "/admin/handoffs/handoff/",  # a list with search, filters and dates
        "/admin/identity/person/add/",  # a form with selects, dates and a search-as-you-type field
        "/admin/calendars/calendar/1/change/",  # a form with rows of another table
    ],
)
def test_each_kind_of_page_is_accessible(visitor, clerk, address):
    visitor.sign_in(clerk)
    assert visitor.open(address).status == 200
    visitor.check()


def test_it_wears_the_colours_chosen_on_the_pages(visitor, clerk):
    visitor.sign_in(clerk)
    visitor.open("/")
    visitor.page.get_by_role("button", name="Dark").click()
    visitor.open("/admin/")
    assert visitor.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(18, 20, 23)"
    assert visitor.page.get_by_role("link", name="Back to the portal").get_attribute("href") == "/"


def test_a_page_leads_staff_to_the_record_in_the_admin_and_nobody_else(rf, clerk):
    handoff = Handoff.objects.get()
    source = "{% include 'web/page_head.html' with title='x' admin_record=record %}"
    for person, is_linked in ((clerk, True), (make_person(), False)):
        page = Template(source).render(Context({"record": handoff, "user": person}))
        assert (f"/admin/handoffs/handoff/{handoff.pk}/change/" in page) is is_linked
