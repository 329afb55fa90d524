"""From draft to published: revisions that are never changed, who may publish what, and what a review comes to."""

from dataclasses import dataclass
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from opsportal.approvals import operations as approvals
from opsportal.approvals import registry
from opsportal.approvals.models import Approval
from opsportal.approvals.states import State
from opsportal.catalog.models import Automation
from opsportal.errors import Conflict, DomainError, Forbidden, InvalidInput
from opsportal.identity.actors import actor_for
from opsportal.identity.models import Person
from opsportal.identity.roles import Role
from runbooks.library import operations, queries, reviews
from runbooks.models import Runbook, RunbookRevision
from runbooks.states import RevisionState
from tests.factories.catalog import make_automation
from tests.factories.identity import NOW, SETUP, make_person, make_team
from tests.factories.library import PARTS, a_text, make_published, make_runbook, publish, save

pytestmark = pytest.mark.django_db
PEOPLE = ("owner", "teammate", "outsider", "leader", "admin", "lead", "other_lead")


@dataclass
class House:
    owner: Person
    teammate: Person
    outsider: Person
    leader: Person
    admin: Person
    lead: Person
    other_lead: Person
    automation: Automation


def house(tier: str) -> House:
    revops = make_team("revops")
    owner = make_person("owner", team=revops)
    return House(
        owner=owner,
        teammate=make_person("teammate", team=revops),
        outsider=make_person("outsider", team=make_team("support")),
        leader=make_person("leader", roles=[Role.VIEWER]),
        admin=make_person("admin", roles=[Role.ADMIN]),
        lead=make_person("lead", roles=[Role.OPS_LEAD]),
        other_lead=make_person("lead2", roles=[Role.OPS_LEAD]),
        automation=make_automation("lead-router", tier=tier, owner=owner, team=revops),
    )


@pytest.mark.parametrize("who", PEOPLE)
@pytest.mark.parametrize(
    ("tier", "author", "allowed"),
    [
        ("P0", "teammate", {"lead", "other_lead"}),
        ("P0", "lead", {"other_lead"}),
        ("P1", "teammate", {"owner", "lead", "other_lead"}),
        ("P1", "owner", {"owner", "lead", "other_lead"}),
        ("P2", "lead", {"owner", "lead", "other_lead"}),
    ],
)
def test_who_publishes_by_tier(tier: str, author: str, allowed: set[str], who: str):
    people = house(tier)
    runbook = make_runbook(text=a_text(automation="lead-router"), author=getattr(people, author))
    if who in allowed:
        assert publish(runbook, getattr(people, who)).state == RevisionState.PUBLISHED
        return
    with pytest.raises(Forbidden):
        publish(runbook, getattr(people, who))
    assert queries.get_published(runbook) is None


def test_who_wrote_any_part_of_it_since_the_last_publication_does_not_publish_p0():
    people = house("P0")
    runbook = make_runbook(text=a_text(automation="lead-router"), author=people.lead)
    save(runbook, a_text("Lead Router, again", automation="lead-router"), people.teammate)
    with pytest.raises(Forbidden) as refused:
        publish(runbook, people.lead)
    assert refused.value.code == "own_draft"
    publish(runbook, people.other_lead)
    save(runbook, a_text("Once more", automation="lead-router"), people.teammate)
    publish(runbook, people.lead)  # what was published before counts no more


def test_taking_a_p0_automation_out_of_the_text_does_not_take_its_tier_away():
    people = house("P0")
    runbook = make_published(text=a_text(automation="lead-router"), publisher=people.lead)
    save(runbook, a_text("Nobody's"), people.lead)
    with pytest.raises(Forbidden):
        publish(runbook, people.lead)


def test_an_automation_that_a_step_acts_on_decides_about_the_tier_too():
    people = house("P0")
    step = "1. Stop.\n\n   ```action\n   do: pause-automation\n   automation: lead-router\n   ```"
    runbook = make_runbook(text=a_text(parts=PARTS | {"Remediation": step}), author=people.lead)
    with pytest.raises(Forbidden):
        publish(runbook, people.lead)


def test_the_database_itself_keeps_an_author_from_publishing_p0():
    people = house("P0")
    runbook = make_runbook(text=a_text(automation="lead-router"), author=people.lead)
    rows = RunbookRevision.objects.filter(runbook=runbook)
    with pytest.raises(IntegrityError), transaction.atomic():
        rows.update(state="published", tier="P0", published_by=people.lead, published_at=NOW)


def test_what_is_not_whole_is_not_published_and_says_where():
    lead = make_person(roles=[Role.OPS_LEAD])
    runbook = make_runbook(text=a_text(automation="nowhere"))
    with pytest.raises(InvalidInput) as refused:
        publish(runbook, lead)
    assert refused.value.message.startswith("Line 4: There is no such thing as an automation “nowhere”.")


def test_a_revision_is_kept_byte_for_byte_and_another_takes_its_place():
    lead = make_person(roles=[Role.OPS_LEAD])
    text = "\ufeff" + a_text().replace("\n", "\r\n") + "  \u2028 \t"
    runbook = make_published(text=text, publisher=lead)
    save(runbook, a_text("Second"))
    publish(runbook, lead)
    first, second = runbook.revisions.order_by("number")
    assert (first.text, first.state, second.state) == (text, "superseded", "published")
    runbook.refresh_from_db()
    assert (runbook.title, runbook.published_number) == ("Second", 2)


def test_who_saves_over_somebody_elses_revision_is_told():
    runbook = make_runbook()
    save(runbook, a_text("Second"))
    with pytest.raises(Conflict) as refused:
        operations.save_draft(runbook, text=a_text("Mine"), base=1, author=None, actor=SETUP, now=NOW)
    assert refused.value.code == "outrun"
    with pytest.raises(InvalidInput):
        save(runbook, a_text("Second"))


@pytest.mark.parametrize("text", ["", " \n", "a\x00b", "\ud800", "x" * 60_001])
def test_a_text_that_cannot_be_kept_is_refused(text: str):
    with pytest.raises(InvalidInput):
        make_runbook("bad", text=text or "\n")
    assert not Runbook.objects.exists()


@pytest.mark.parametrize("slug", ["", "New", "new", "executions", "a b", "x" * 81, "-a", "a\n"])
def test_a_name_that_is_no_address_is_refused(slug: str):
    with pytest.raises(InvalidInput):
        operations.create_runbook(slug=slug, text=a_text(), author=None, actor=SETUP, now=NOW)


def asked(people: House) -> tuple[RunbookRevision, Approval]:
    runbook = make_runbook(text=a_text(automation="lead-router"), author=people.teammate)
    revision = queries.get_open(runbook)
    who = {"person": people.teammate, "actor": actor_for(people.teammate), "now": NOW}
    return operations.ask_review(revision, **who)


def test_a_review_that_is_approved_publishes():
    people = house("P0")
    revision, approval = asked(people)
    approval = approvals.approve(approval.pk, person=people.lead, now=NOW, authenticated_at=NOW)
    revision.refresh_from_db()
    assert (approval.state, revision.state, revision.published_by) == (State.USED, "published", people.lead)


def test_only_who_may_publish_decides_a_review():
    people = house("P0")
    _, approval = asked(people)
    for who in ("owner", "teammate", "admin", "leader"):
        with pytest.raises(DomainError):
            approvals.approve(approval.pk, person=getattr(people, who), now=NOW, authenticated_at=NOW)
    assert not RunbookRevision.objects.filter(state="published").exists()


def test_who_decides_is_asked_for_all_reviews_at_once(django_assert_max_num_queries):
    people = house("P1")
    make_automation("crm-sync", tier="P0", owner=people.owner)
    for name, author in (("lead-router", "teammate"), ("crm-sync", "lead"), ("crm-sync", "teammate")) * 4:
        writer = getattr(people, author)
        revision = queries.get_open(make_runbook(text=a_text(automation=name), author=writer))
        operations.ask_review(revision, person=writer, actor=actor_for(writer), now=NOW)
    waiting = list(Approval.objects.order_by("pk"))
    for person in (getattr(people, name) for name in PEOPLE):
        one_by_one = [approval for approval in waiting if reviews.may_decide(person, approval)]
        person = Person.objects.prefetch_related("groups").get(pk=person.pk)
        with django_assert_max_num_queries(5):
            assert registry.decidable(person, waiting) == one_by_one
    counts = {name: len(registry.decidable(getattr(people, name), waiting)) for name in PEOPLE}
    assert counts == dict.fromkeys(PEOPLE, 0) | {"owner": 4, "lead": 8, "other_lead": 12}


@pytest.mark.parametrize("how", ["refused", "taken back", "expired"])
def test_a_review_without_a_yes_is_a_draft_again_and_says_why(how: str):
    people = house("P0")
    revision, approval = asked(people)
    if how == "refused":
        approvals.refuse(approval.pk, person=people.lead, now=NOW, reason="Step 2 is gone")
    elif how == "taken back":
        approvals.withdraw(approval.pk, person=people.teammate, now=NOW, reason="Not yet")
    else:
        approvals.close_overdue(NOW + timedelta(days=15))
    revision.refresh_from_db()
    assert revision.state == RevisionState.DRAFT
    assert revision.returned_reason in ("Step 2 is gone", "Not yet", "Nobody decided in time.")


def test_another_revision_saved_meanwhile_voids_the_review():
    people = house("P0")
    revision, approval = asked(people)
    save(revision.runbook, a_text("Changed", automation="lead-router"), people.owner)
    approval.refresh_from_db()
    revision.refresh_from_db()
    assert (approval.state, revision.state) == (State.VOIDED, RevisionState.SUPERSEDED)


def test_a_runbook_derived_from_a_playbook_says_so_and_goes_its_own_way():
    people = house("P1")
    playbook = make_published("vendor", text=a_text("Vendor degraded", kind="playbook"), publisher=people.lead)
    runbook = operations.derive_runbook(
        playbook, slug="vendor-hubspot", title="HubSpot degraded", author=people.owner, actor=SETUP, now=NOW
    )
    publish(runbook, people.lead)
    runbook.refresh_from_db()
    assert (runbook.kind, runbook.derived_from, runbook.derived_from_number) == ("runbook", playbook, 1)
    assert "derived_from: vendor" in queries.get_published(runbook).text
    with pytest.raises(Conflict):
        operations.derive_runbook(runbook, slug="third", title="No", author=None, actor=SETUP, now=NOW)


def test_who_sees_what_by_team_and_state():
    people = house("P1")
    published = make_published(text=a_text(automation="lead-router"), publisher=people.lead)
    draft = make_runbook(text=a_text("Draft", automation="lead-router"))
    general = make_published(text=a_text("General"), publisher=people.lead)
    seen = {who: set(queries.list_runbooks(getattr(people, who))) for who in PEOPLE}
    assert seen["owner"] == seen["teammate"] == seen["lead"] == {published, draft, general}
    assert seen["outsider"] == {general}
    assert seen["leader"] == seen["admin"] == {published, general}
    assert queries.with_runbook([people.automation]) == {people.automation.pk}


def test_a_retired_runbook_is_changed_by_nobody_until_it_is_back():
    runbook = make_published()
    operations.retire_runbook(runbook, reason="Replaced", actor=SETUP, now=NOW)
    with pytest.raises(Conflict):
        save(runbook, a_text("Again"))
    operations.restore_runbook(runbook, actor=SETUP, now=NOW)
    save(runbook, a_text("Again"))
