"""Reads about runbooks: who sees, writes and publishes which; links, reports, what has not been looked at."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery

from opsportal.approvals.models import Approval
from opsportal.catalog.models import Automation, Tier
from opsportal.errors import Forbidden, NotFound
from opsportal.identity.actors import Principal
from opsportal.identity.models import Person
from opsportal.identity.roles import Role
from runbooks.library import registry
from runbooks.library.engine.identity import Known
from runbooks.models.library import (
    Runbook,
    RunbookDraw,
    RunbookLink,
    RunbookQuerySet,
    RunbookRevision,
    RunbookStep,
    StepReport,
)
from runbooks.states import OPEN_REVISIONS, RevisionState

READ, WRITE = "runbooks:read", "runbooks:write"
REVIEW_WAITS = timedelta(days=14)
AUTOMATION = RunbookLink.Kind.AUTOMATION


@dataclass(frozen=True, slots=True)
class Standing:
    """What a runbook is about: its automations that exist, and the strictest tier among them (empty for none)."""

    automations: tuple[Automation, ...]

    @property
    def tier(self) -> str:
        return min((one.tier for one in self.automations), default="")


def list_runbooks(principal: Principal | None) -> RunbookQuerySet:
    """What this person or token may see. Who cannot write sees what has been published."""
    rows = Runbook.objects.visible_to(principal).select_related("team", "derived_from").prefetch_related("links")
    rows = registry.with_beside(rows.annotate(open_reports=Count("reports", filter=Q(reports__resolved_at=None))))
    if principal is None or principal.allows(WRITE):
        return rows
    owned = Automation.objects.filter(Q(owner=_key(principal)) | Q(backup_owner=_key(principal))).values("slug")
    own = RunbookLink.objects.filter(kind=AUTOMATION, slug__in=owned).values("runbook")
    return rows.filter(Q(published_number__isnull=False) | Q(pk__in=own))


def summary_of(rows: RunbookQuerySet, now: datetime) -> dict[str, int]:
    """Of rows of list_runbooks(): how many there are, are stale, have a step said to be wrong, are drafts alone."""
    return rows.order_by().aggregate(
        total=Count("pk"),
        stale=Count("pk", filter=Q(stale_at__lte=now)),
        wrong=Count("pk", filter=Q(open_reports__gt=0)),
        draft=Count("pk", filter=Q(published_number=None)),
    )


def get_runbook(slug: str, *, principal: Principal | None) -> Runbook:
    """The runbook of that slug as far as `principal` may see it; raises NotFound."""
    runbook = list_runbooks(principal).filter(slug=slug).first() if "\x00" not in slug else None
    if runbook is None:
        raise NotFound("unknown_runbook", f"There is no runbook “{slug[:80]}”.")
    return runbook


def get_revision(runbook: Runbook, number: int, *, principal: Principal | None) -> RunbookRevision:
    """One revision; who cannot write sees the published one. Raises NotFound."""
    rows = runbook.revisions.select_related("runbook", "author", "published_by", "review_asked_by")
    revision = rows.filter(number=number).first() if 0 < number < 2**31 else None
    if revision is None or not (may_write(principal, runbook) or revision.state == RevisionState.PUBLISHED):
        raise NotFound("unknown_revision", f"There is no revision {number}.")
    return revision


def get_published(runbook: Runbook) -> RunbookRevision | None:
    rows = runbook.revisions.select_related("runbook", "author", "published_by")
    return rows.filter(state=RevisionState.PUBLISHED).first()


def get_open(runbook: Runbook) -> RunbookRevision | None:
    """The draft, or what is in review."""
    rows = runbook.revisions.select_related("runbook", "author", "review_asked_by")
    return rows.filter(state__in=OPEN_REVISIONS).first()


def get_counting(runbook: Runbook, at: datetime) -> tuple[RunbookRevision | None, RunbookRevision | None]:
    """The published revision and the open one, by one statement; the open one with the `approval_id` that waits."""
    rows = runbook.revisions.select_related("author", "published_by", "review_asked_by")
    asked = Approval.objects.pending(at).filter(subject_type="runbook", subject_id=OuterRef("runbook__slug"))
    rows = rows.filter(state__in=[RevisionState.PUBLISHED, *OPEN_REVISIONS])
    found = {one.state: one for one in rows.annotate(approval_id=Subquery(asked.values("pk")[:1]))}
    for one in found.values():
        one.runbook = runbook
    published = found.pop(RevisionState.PUBLISHED, None)
    return published, next(iter(found.values()), None)


def get_newest(runbook: Runbook) -> RunbookRevision:
    return runbook.revisions.select_related("runbook", "author").order_by("-number")[0]


def get_shown(runbook: Runbook) -> RunbookRevision:
    """The revision that counts: the published one, before there is one the newest."""
    return get_published(runbook) or get_newest(runbook)


def list_revisions(runbook: Runbook, principal: Principal | None) -> QuerySet[RunbookRevision]:
    """Newest first; for who cannot write, the published one alone."""
    rows = runbook.revisions.select_related("runbook", "author", "published_by", "review_asked_by")
    return rows if may_write(principal, runbook) else rows.filter(state=RevisionState.PUBLISHED)


def list_steps(revision: RunbookRevision) -> list[RunbookStep]:
    return list(revision.steps.select_related("changed_by").order_by("position"))


def get_step(revision: RunbookRevision, key: str) -> RunbookStep:
    step = revision.steps.filter(key=key).first() if "\x00" not in key else None
    if step is None:
        raise NotFound("unknown_step", "There is no such step in this revision.")
    return step


def known_steps(revision: RunbookRevision) -> list[Known]:
    """The steps of a revision as the next one is compared with them."""
    rows = revision.steps.order_by("position").values_list("key", "section", "text")
    return [Known(*row) for row in rows]


def used_keys(runbook: Runbook) -> set[str]:
    """Every key a step of this runbook ever had."""
    return set(RunbookStep.objects.filter(revision__runbook=runbook).values_list("key", flat=True).distinct())


def standing_of(slugs: Iterable[str]) -> Standing:
    """The automations of these slugs, with the people who answer for them."""
    rows = Automation.objects.filter(slug__in=list(slugs)).select_related("owner", "backup_owner", "team")
    return Standing(tuple(rows.order_by("tier", "name")))


def standing_about(runbook: Runbook, slugs: Iterable[str] | None = None) -> Standing:
    """The same for one runbook, read once: what the row has asked for already is not asked again. Without slugs those
    that it is linked to.
    """
    wanted = list(dict.fromkeys(automation_slugs(runbook) if slugs is None else slugs))
    known: dict[str, Automation | None] = runbook.__dict__.setdefault("_automations", {})
    if missing := [slug for slug in wanted if slug not in known]:
        known.update(dict.fromkeys(missing))
        known.update({one.slug: one for one in standing_of(missing).automations})
    found = [one for one in (known[slug] for slug in wanted) if one is not None]
    return Standing(tuple(sorted(found, key=lambda one: (one.tier, one.name))))


def automation_slugs(runbook: Runbook) -> list[str]:
    return [link.slug for link in runbook.links.all() if link.kind == AUTOMATION]


def tiers_of(runbooks: Collection[Runbook]) -> dict[int, str]:
    """Runbook key -> strictest tier of its automations; one statement for all. Reads `links`, so prefetch them."""
    slugs = {slug for one in runbooks for slug in automation_slugs(one)}
    tiers = dict(Automation.objects.filter(slug__in=slugs).values_list("slug", "tier"))
    return {one.pk: min((tiers[s] for s in automation_slugs(one) if s in tiers), default="") for one in runbooks}


def with_runbook(automations: Collection[Automation]) -> set[int]:
    """Of these automations the keys of those a published runbook names; what readiness asks."""
    slugs = {one.slug: one.pk for one in automations}
    rows = RunbookLink.objects.filter(
        kind=AUTOMATION, slug__in=list(slugs), runbook__in=Runbook.objects.in_use()
    ).values_list("slug", flat=True)
    return {slugs[slug] for slug in rows}


def rows_with_runbook() -> QuerySet[Any]:
    """The same as rows with an `automation_id`, for pages to ask inside their own statement."""
    named = Automation.objects.filter(slug=OuterRef("slug")).values("pk")[:1]
    rows = RunbookLink.objects.filter(kind=AUTOMATION, runbook__in=Runbook.objects.in_use().values("pk"))
    return rows.annotate(automation_id=Subquery(named))


def with_first_runbook(automations: QuerySet[Automation]) -> QuerySet[Automation]:
    """Automations with the first published runbook that names them: `runbook_slug`, `_title`, `_stale_at`, or None."""
    links = RunbookLink.objects.filter(
        kind=AUTOMATION, slug=OuterRef("slug"), runbook__retired_at=None, runbook__published_number__isnull=False
    ).order_by("runbook__title", "runbook__slug")
    found = {
        f"runbook_{name}": Subquery(links.values(f"runbook__{name}")[:1]) for name in ("slug", "title", "stale_at")
    }
    return automations.annotate(**found)


def list_reports(runbook: Runbook, *, is_open: bool = True) -> list[StepReport]:
    rows = runbook.reports.select_related("reported_by", "revision")
    return list(rows.filter(resolved_at=None) if is_open else rows)


def get_report(runbook: Runbook, pk: int) -> StepReport:
    report = runbook.reports.select_related("runbook", "revision").filter(pk=pk).first()
    if report is None:
        raise NotFound("unknown_report", "There is no such report.")
    return report


def get_draw(month: str, principal: Principal | None) -> RunbookDraw | None:
    """The draw of a month (`2026-11`), when its runbook may be seen."""
    rows = RunbookDraw.objects.select_related("runbook", "validation")
    return rows.filter(month=month, runbook__in=Runbook.objects.visible_to(principal)).first()


def list_draws(principal: Principal | None) -> QuerySet[RunbookDraw]:
    rows = RunbookDraw.objects.select_related("runbook", "validation", "validation__person")
    return rows.filter(runbook__in=Runbook.objects.visible_to(principal))


def may_write(principal: Principal | None, runbook: Runbook | None = None) -> bool:
    """Whoever writes runbooks; and the owner and backup of an automation this one is about."""
    if principal is None:
        return False
    if principal.allows(WRITE):
        return True
    return (
        runbook is not None and isinstance(principal, Person) and principal.is_active and _owns_any(principal, runbook)
    )


def may_report(principal: Principal | None, runbook: Runbook) -> bool:
    """Whoever may write it, and may therefore be on shift with it."""
    return may_write(principal, runbook)


def check_may_publish(
    person: Person, revision: RunbookRevision, about: Standing, authors: Collection[int] | None = None
) -> None:
    """Raises Forbidden. `about` is what this revision and the published one are about, together; `authors` who wrote
    since the publication, where that is known already.

    P0: an ops lead who wrote nothing of it since the last publication. Else an ops lead, or who owns all of them.
    """
    if not person.is_active:
        raise Forbidden("not_publisher", "You may not publish this.")
    is_lead = Role.OPS_LEAD in person.roles
    if about.tier == Tier.P0:
        if not is_lead:
            raise Forbidden("not_publisher", "What a P0 automation depends on is published by an ops lead.")
        wrote = authors_since_published(revision) if authors is None else authors
        if person.pk in {*wrote, revision.review_asked_by_id}:
            raise Forbidden("own_draft", "A second person publishes this: you wrote a part of it, or asked for it.")
        return
    owns = bool(about.automations) and all(
        person.pk in (one.owner_id, one.backup_owner_id) for one in about.automations
    )
    if not is_lead and not owns:
        raise Forbidden("not_publisher", "An ops lead, or the owner of its automations, publishes this.")


def may_publish(
    person: Any, revision: RunbookRevision, about: Standing, authors: Collection[int] | None = None
) -> bool:
    try:
        check_may_publish(person, revision, about, authors)
    except (Forbidden, AttributeError):
        return False
    return True


def may_retire(person: Person, runbook: Runbook) -> bool:
    """An ops lead; of what is no P0 also the owner of all its automations."""
    if not person.is_active or Role.OPS_LEAD in person.roles:
        return person.is_active
    about = standing_about(runbook)
    return about.tier not in ("", Tier.P0) and all(
        person.pk in (one.owner_id, one.backup_owner_id) for one in about.automations
    )


def authors_since_published(revision: RunbookRevision) -> set[int]:
    """Who wrote any of the revisions after the published one up to this."""
    return authors_of_each([revision])[revision.runbook_id]


def authors_of_each(revisions: Collection[RunbookRevision]) -> dict[int, set[int]]:
    """The same for many revisions of different runbooks, by runbook; one statement."""
    found: dict[int, set[int]] = {one.runbook_id: set() for one in revisions}
    span = {one.runbook_id: (one.runbook.published_number or 0, one.number) for one in revisions}
    rows = RunbookRevision.objects.filter(runbook__in=span, author__isnull=False)
    for runbook, number, author in rows.order_by().values_list("runbook", "number", "author"):
        since, until = span[runbook]
        if since < number <= until:
            found[runbook].add(author)
    return found


def owns_any(person: Person) -> bool:
    """Whether this person is owner or backup of some automation."""
    return Automation.objects.filter(Q(owner=person) | Q(backup_owner=person)).exists()


def _owns_any(person: Person, runbook: Runbook) -> bool:
    return any(person.pk in (one.owner_id, one.backup_owner_id) for one in standing_about(runbook).automations)


def _key(principal: Principal) -> int | None:
    return principal.pk if isinstance(principal, Person) else None
