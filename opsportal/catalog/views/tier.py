"""The tier of an automation: the test of a few questions, and the proposal to the other side."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from opsportal import clock
from opsportal.approvals.queries import list_waiting
from opsportal.catalog import checklists, tiers
from opsportal.catalog.engine.tiers import QUESTIONS, tier_of
from opsportal.catalog.forms import TierForm
from opsportal.catalog.models import Automation, Tier
from opsportal.catalog.views.access import visible
from opsportal.errors import DomainError, Forbidden
from opsportal.identity.actors import principal_of
from opsportal.identity.models import Person
from opsportal.identity.permissions import scope_required
from opsportal.web.actions import Done, post_action
from opsportal.web.forms import refuse

YES = "yes"


@scope_required("catalog:read")
def tier_page(request: HttpRequest, slug: str) -> HttpResponse:
    """The questions are a GET form: a test can be linked and looked at together."""
    automation, now = visible(request, slug), clock.now()
    answers = {key: request.GET.get(key) == YES for key, _, _ in QUESTIONS}
    asked = any(key in request.GET for key in answers)
    proposal = tier_of(answers) if asked else None
    form = TierForm(initial={"tier": proposal.tier, "reason": proposal.reason} if proposal else None)
    status = 200
    if request.method == "POST":
        form, status = TierForm(request.POST), 422
        if form.is_valid():
            try:
                return _propose(request, automation, form)
            except DomainError as error:
                refuse(form, error)
    context = {
        "automation": automation,
        "title": f"The tier of {automation.name}",
        "sentence": _sentence(automation),
        "back_url": reverse("catalog:automation", args=[slug]),
        "questions": [(key, question, request.GET.get(key, "")) for key, question, _ in QUESTIONS],
        "proposal": proposal,
        "label": Tier(proposal.tier).label if proposal else "",
        "form": form,
        "side": _side(request),
        "waiting": [each for each in list_waiting("automation", slug, now) if each.kind == tiers.KIND],
        "decision": checklists.DECISION,
        "not_to_automate": checklists.NOT_TO_AUTOMATE,
    }
    return render(request, "catalog/tier.html", context, status=status)


def _propose(request: HttpRequest, automation: Automation, form: TierForm) -> HttpResponse:
    @post_action
    def propose(request: HttpRequest) -> Done:
        person = principal_of(request)
        if not isinstance(person, Person):
            raise Forbidden("needs_a_person", "People agree on a tier.")
        tiers.propose_tier(automation, **form.cleaned_data, requested_by=person, now=clock.now())
        return Done("The other side has been asked.", url=reverse("catalog:tier", args=[automation.slug]), tone="calm")

    return propose(request)


def _side(request: HttpRequest) -> str:
    """Who would be asked, in words; empty for somebody who speaks for neither side."""
    person: Any = principal_of(request)
    sides = tiers.sides_of(person)
    if tiers.REVOPS in sides:
        return "sales leadership"
    return "RevOps" if sides else ""


def _sentence(automation: Automation) -> str:
    if automation.tier_agreed_at is None:
        return f"It is entered as {automation.tier}. RevOps and sales leadership have not agreed on that yet."
    agreed = f"{automation.tier_agreed_revops} for RevOps and {automation.tier_agreed_sales} for sales leadership"
    return f"{agreed} agreed on {automation.tier}: {automation.tier_reason}"
