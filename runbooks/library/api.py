"""/api/v1/runbooks/: texts in revisions, review and publication, what people found out, the monthly draw."""

from typing import Any

from django.db.models import QuerySet
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from opsportal.api import routing
from opsportal.api.viewsets import ResourceViewSet, page_fields
from opsportal.errors import Forbidden, NotFound
from opsportal.identity.actors import Principal, actor_of, principal_of, require_person
from opsportal.identity.models import Person
from opsportal.identity.queries import person_of, team_for
from runbooks.library import naming, operations, pages, queries
from runbooks.library.engine import document
from runbooks.library.operations.writing import check_text
from runbooks.library.shapes import (
    AnswerSerializer,
    DrawSerializer,
    FindingSerializer,
    NewReportSerializer,
    NewRevisionSerializer,
    NewRunbookSerializer,
    NewValidationSerializer,
    PreviewSerializer,
    ReasonSerializer,
    ReportSerializer,
    RevisionSerializer,
    RunbookSerializer,
    TextSerializer,
    ValidationSerializer,
    WholeRevisionSerializer,
)
from runbooks.models.library import Runbook, RunbookRevision

NUMBER = r"(?P<number>[0-9]{1,9})"


class RunbookViewSet(ResourceViewSet):
    """Runbooks. Programs write drafts; publishing, sending back and retiring is for people."""

    queryset = Runbook.objects.none()
    serializer_class = RunbookSerializer
    read_scope, write_scope = queries.READ, queries.WRITE
    # Owners work on the runbooks of their own automations: `_written` decides.
    person_scopes = dict.fromkeys(
        (
            "add_revision", "review", "publish", "send_back", "retire", "restore", "report", "answer_report",
            "validate",
        ),
        queries.READ,
    )  # fmt: skip
    lookup_field = "slug"
    filter_fields = {
        "kind": "kind",
        "form": "form",
        "team": "team__slug",
    }
    ordering_fields = ("slug", "title", "published_at", "stale_at", "updated_at")
    search_fields = ("slug", "title")
    default_ordering = "slug"
    query_fields = {
        "revisions": page_fields(),
        "reports": page_fields(),
        "validations": page_fields(),
        "draws": page_fields(),
    }
    request_serializers = {
        "create": NewRunbookSerializer,
        "add_revision": NewRevisionSerializer,
        "preview": TextSerializer,
        "review": ReasonSerializer,
        "publish": ReasonSerializer,
        "send_back": ReasonSerializer,
        "retire": ReasonSerializer,
        "restore": ReasonSerializer,
        "report": NewReportSerializer,
        "answer_report": AnswerSerializer,
        "validate": NewValidationSerializer,
    }
    response_serializers = {
        "create": {201: RunbookSerializer},
        "add_revision": {201: WholeRevisionSerializer},
        "revision": WholeRevisionSerializer,
        "preview": PreviewSerializer,
        "review": RevisionSerializer,
        "publish": RevisionSerializer,
        "send_back": RevisionSerializer,
        "report": {201: ReportSerializer},
        "answer_report": ReportSerializer,
        "validate": {201: ValidationSerializer},
    }
    page_serializers = {
        "revisions": RevisionSerializer,
        "reports": ReportSerializer,
        "validations": ValidationSerializer,
        "draws": DrawSerializer,
    }

    def get_queryset(self) -> QuerySet[Runbook]:
        return queries.list_runbooks(principal_of(self.request))

    def create(self, request: Request) -> Response:
        """A runbook with its first revision, a draft."""
        values = self.body()
        team = team_for(self._asking, values.pop("team", None))
        note_text = values.pop("note", "")
        runbook = operations.create_runbook(
            team=team, note_text=note_text, author=self._person(), **values, **self._who()
        )
        return self.answer(self._fresh(runbook), status=201)

    @action(detail=True)
    def revisions(self, request: Request, slug: str) -> Response:
        """Newest first; the published one alone for who does not write."""
        rows = queries.list_revisions(self.get_object(), self._asking)
        return self.page(rows, RevisionSerializer, ordering="-number")

    @revisions.mapping.post
    def add_revision(self, request: Request, slug: str) -> Response:
        """Another revision, a draft."""
        runbook, values = self._written(), self.body()
        note_text = values.pop("note", "")
        revision = operations.save_draft(runbook, note_text=note_text, author=self._person(), **values, **self._who())
        return self._whole(revision, status=201)

    @action(detail=True, url_path=f"revisions/{NUMBER}")
    def revision(self, request: Request, slug: str, number: str) -> Response:
        """One revision with its text, its steps, and what is wrong with it."""
        return self._whole(self._revision(number))

    @action(detail=False, methods=["post"])
    def preview(self, request: Request) -> Response:
        """What a text would look like, and what is wrong with it. Writes nothing."""
        text = self.body()["text"]
        check_text(text)
        found = document.read(text)
        findings = naming.findings(found, self._asking)
        shown = {"title": found.title, "html": pages.shown(found)}
        return Response({**shown, "findings": FindingSerializer(findings, many=True).data})

    @action(detail=True, methods=["post"], url_path=f"revisions/{NUMBER}/review")
    def review(self, request: Request, slug: str, number: str) -> Response:
        """Ask who may publish it to read it."""
        revision = self._open(number)
        person = person_of(self._asking)
        if person is None:
            raise Forbidden("needs_a_person", "Somebody has to answer for this token, or sign in.")
        revision, _ = operations.ask_review(revision, person=person, **self.body(), **self._who())
        return self._shown(revision)

    @action(detail=True, methods=["post"], url_path=f"revisions/{NUMBER}/publish")
    def publish(self, request: Request, slug: str, number: str) -> Response:
        """Make it the revision that counts: a person with the right to, never a token."""
        revision, person = self._open(number), require_person(request)
        self.body()
        return self._shown(operations.publish_revision(revision, person=person, **self._who()))

    @action(detail=True, methods=["post"], url_path=f"revisions/{NUMBER}/return")
    def send_back(self, request: Request, slug: str, number: str) -> Response:
        """A draft again, with a reason."""
        revision, reason = self._open(number), self.body().get("reason", "")
        require_person(request)
        return self._shown(operations.return_revision(revision, reason=reason, **self._who()))

    @action(detail=True, methods=["post"])
    def retire(self, request: Request, slug: str) -> Response:
        runbook, reason = self._retirable(), self.body().get("reason", "")
        return self.answer(self._fresh(operations.retire_runbook(runbook, reason=reason, **self._who())))

    @action(detail=True, methods=["post"])
    def restore(self, request: Request, slug: str) -> Response:
        runbook, reason = self._retirable(), self.body().get("reason", "")
        return self.answer(self._fresh(operations.restore_runbook(runbook, reason=reason, **self._who())))

    @action(detail=True)
    def reports(self, request: Request, slug: str) -> Response:
        """Steps that were said to be wrong, newest first."""
        rows = self.get_object().reports.select_related("revision")
        return self.page(rows, ReportSerializer, ordering="-reported_at")

    @reports.mapping.post
    def report(self, request: Request, slug: str) -> Response:
        """Say that a step of the revision that counts is wrong."""
        runbook, values = self._written(), self.body()
        revision = queries.get_shown(runbook)
        report = operations.report_step(revision, person=self._person(), **values, **self._who())
        return Response(ReportSerializer(report, context=self.get_serializer_context()).data, status=201)

    @action(detail=True, methods=["post"], url_path=r"reports/(?P<report_id>[0-9]{1,18})/answer")
    def answer_report(self, request: Request, slug: str, report_id: str) -> Response:
        """Answer a report."""
        report = queries.get_report(self._written(), int(report_id))
        report = operations.resolve_report(report, **self.body(), **self._who())
        return Response(ReportSerializer(report, context=self.get_serializer_context()).data)

    @action(detail=True)
    def validations(self, request: Request, slug: str) -> Response:
        """Who went through it and what came of it, newest first."""
        rows = self.get_object().validations.select_related("revision")
        return self.page(rows, ValidationSerializer, ordering="-at")

    @validations.mapping.post
    def validate(self, request: Request, slug: str) -> Response:
        """Say that it holds, or what does not: a person who went through it, never a token."""
        runbook, person = self._written(), require_person(self.request, "A person says whether it holds, signed in.")
        values = self.body()
        note_text = values.pop("note", "")
        validation = operations.validate_runbook(runbook, note_text=note_text, person=person, **values, **self._who())
        return Response(ValidationSerializer(validation, context=self.get_serializer_context()).data, status=201)

    @action(detail=False)
    def draws(self, request: Request) -> Response:
        """The runbook of each month that is read aloud, newest first."""
        return self.page(queries.list_draws(self._asking), DrawSerializer, ordering="-month")

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "view": self}

    def _written(self) -> Runbook:
        runbook: Runbook = self.get_object()
        if not queries.may_write(self._asking, runbook):
            raise Forbidden("not_yours", "Analysts, ops leads and the automation's owner write this.")
        return runbook

    def _retirable(self) -> Runbook:
        runbook: Runbook = self.get_object()
        if not queries.may_retire(require_person(self.request), runbook):
            raise Forbidden("not_yours", "An ops lead, or the owner of what is no P0, retires this.")
        return runbook

    def _revision(self, number: str) -> RunbookRevision:
        return queries.get_revision(self.get_object(), int(number), principal=self._asking)

    def _open(self, number: str) -> RunbookRevision:
        return queries.get_revision(self._written(), int(number), principal=self._asking)

    @property
    def _asking(self) -> Principal | None:
        return principal_of(self.request)

    def _person(self) -> Person | None:
        return person_of(self._asking)

    def _fresh(self, runbook: Runbook) -> Runbook:
        found = self.get_queryset().filter(pk=runbook.pk).first()
        if found is None:
            raise NotFound("unknown_runbook", "You may not see what you wrote.")
        return found

    def _whole(self, revision: RunbookRevision, *, status: int = 200) -> Response:
        shown = WholeRevisionSerializer(revision, context=self.get_serializer_context()).data
        return Response(shown, status=status)

    def _shown(self, revision: RunbookRevision) -> Response:
        return Response(RevisionSerializer(revision, context=self.get_serializer_context()).data)

    def _who(self) -> dict[str, Any]:
        return {"actor": actor_of(self.request), "now": self.now}


routes: list[routing.Route] = [("runbooks", RunbookViewSet, "runbook")]
