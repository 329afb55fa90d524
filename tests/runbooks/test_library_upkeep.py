"""What keeps runbooks true: steps reported as wrong, going through them, the monthly draw, staleness."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsportal.errors import Conflict, InvalidInput
from opsportal.identity.roles import Role
from opsportal.notify.models import Message
from runbooks.library import operations, queries, sweep
from runbooks.library.operations.upkeep import draw
from runbooks.models import Runbook, RunbookDraw, StepReport
from tests.factories.catalog import make_automation
from tests.factories.identity import NOW, SETUP, make_person
from tests.factories.library import PARTS, a_text, make_published, make_runbook, publish, save

DAY = timedelta(days=1)


def report(runbook: Runbook, key: str, person=None) -> StepReport:
    revision = queries.get_published(runbook)
    return operations.report_step(revision, key=key, words="The button moved", person=person, actor=SETUP, now=NOW)


@pytest.mark.django_db
def test_a_wrong_step_is_told_to_who_keeps_the_runbook():
    owner, reporter = make_person("owner"), make_person("reporter")
    make_automation("lead-router", owner=owner)
    lead = make_person("lead", roles=[Role.OPS_LEAD])
    runbook = make_published(text=a_text(automation="lead-router"), publisher=lead)
    report(runbook, "pause-the-router", reporter)
    told = Message.objects.filter(topic="runbook.step_reported")
    assert {message.recipient.username for message in told} == {"owner", "lead"}
    assert told[0].url == f"/runbooks/{runbook.slug}/#step-pause-the-router"
    with pytest.raises(InvalidInput):
        report(runbook, "no-such-step")


@pytest.mark.django_db
def test_a_report_is_answered_by_the_revision_that_changes_the_words_of_its_step():
    lead = make_person(roles=[Role.OPS_LEAD])
    runbook = make_published(publisher=lead)
    changed, kept, gone = (report(runbook, key) for key in ("pause-the-router", "tell-sales", "resume-the-router"))
    parts = {"Remediation": "1. Pause the router in n8n.\n2. Tell sales.", "Rollback": "Ask the owner."}
    save(runbook, a_text(parts=PARTS | parts))
    publish(runbook, lead)
    for one in (changed, kept, gone):
        one.refresh_from_db()
    assert [bool(one.resolved_at) for one in (changed, kept, gone)] == [True, False, True]


@pytest.mark.django_db
def test_a_report_is_answered_once():
    runbook = make_published()
    one = report(runbook, "tell-sales")
    operations.resolve_report(one, resolution="It is the blue one", actor=SETUP, now=NOW)
    with pytest.raises(Conflict):
        operations.resolve_report(one, resolution="Again", actor=SETUP, now=NOW)


@pytest.mark.django_db
def test_a_runbook_is_stale_when_nobody_looked_at_it_for_its_time():
    runbook = make_published(text=a_text(review_every_days=30))
    at = NOW + 30 * DAY
    assert not runbook.is_stale(at - timedelta(seconds=1))
    assert runbook.is_stale(at)
    assert list(Runbook.objects.stale(at)) == [runbook]
    said = {"how": "checked", "person": None, "actor": SETUP}
    operations.validate_runbook(runbook, holds=True, now=at, **said)
    runbook.refresh_from_db()
    assert not runbook.is_stale(at + 29 * DAY)
    with pytest.raises(InvalidInput):
        operations.validate_runbook(runbook, holds=False, now=at + DAY, **said)
    operations.validate_runbook(runbook, holds=False, note_text="Step 3 is gone", now=at + DAY, **said)
    runbook.refresh_from_db()
    assert runbook.is_stale(at + DAY)


@pytest.mark.django_db
def test_what_is_not_published_cannot_be_found_to_hold():
    with pytest.raises(Conflict):
        operations.validate_runbook(make_runbook(), how="drill", holds=True, person=None, actor=SETUP, now=NOW)


SLUGS = st.sets(st.from_regex(r"[a-z][a-z0-9-]{0,20}", fullmatch=True), min_size=1, max_size=12)


@given(SLUGS, st.randoms(use_true_random=False))
def test_anybody_can_draw_a_month_again(slugs: set[str], random):
    mixed = random.sample(sorted(slugs), len(slugs))
    chosen, candidates = draw("2026-11", mixed)
    assert chosen == draw("2026-11", sorted(slugs))[0]
    assert candidates == sorted(slugs)
    assert draw("2026-11", [slug for slug in mixed if slug == chosen or random.random() < 0.5])[0] == chosen


def test_every_runbook_has_its_chance():
    slugs = [f"runbook-{number}" for number in range(5)]
    drawn = {draw(f"{2000 + month // 12}-{month % 12 + 1:02}", slugs)[0] for month in range(120)}
    assert drawn == set(slugs)


@pytest.mark.django_db
def test_the_month_is_drawn_once_recorded_and_over_the_months_everything_is_read():
    runbooks = {make_published(f"r{number}", text=a_text(f"R {number}")).slug for number in range(3)}
    make_runbook("draft")
    months = [datetime(2026, month, 1, 6, tzinfo=UTC) for month in (10, 11, 12)]
    for month in months:
        assert sweep.draw_when_due(month).fired == 1
        assert sweep.draw_when_due(month + DAY).fired == 0
    drawn = list(RunbookDraw.objects.order_by("month"))
    assert {one.runbook.slug for one in drawn} == runbooks
    assert [len(one.candidates) for one in drawn] == [3, 2, 1]
    said = {"how": "read_aloud", "holds": True, "person": None, "actor": SETUP}
    operations.validate_runbook(drawn[-1].runbook, now=months[-1] + DAY, **said)
    drawn[-1].refresh_from_db()
    assert drawn[-1].validation.holds


@pytest.mark.django_db
def test_where_nothing_is_published_nothing_is_drawn():
    assert sweep.draw_when_due(NOW).fired == 0
    assert not RunbookDraw.objects.exists()
