"""What is done to an automation in service: each act a page with its consequence and one button."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse

from opsportal.catalog import operations
from opsportal.catalog.forms import ActivationForm, DegradedForm, NeedsReasonForm, ReasonForm
from opsportal.catalog.models import Automation
from opsportal.catalog.states import TRANSITIONS, AutomationState
from opsportal.catalog.views.access import editable, form_page, operable
from opsportal.identity.permissions import scope_required

Fits = Callable[[Automation], bool]


def _to(state: AutomationState) -> Fits:
    return lambda automation: state in TRANSITIONS[AutomationState(automation.state)]


@dataclass(frozen=True, slots=True)
class Act:
    """`fits`: whether it makes sense as the automation stands; `fixed`: what the operation is told besides the form;
    `done`: what is said afterwards.
    """

    label: str
    sentence: str
    button: str
    form: type[Any]
    operation: Callable[..., Any]
    fits: Fits
    fixed: dict[str, Any]
    done: str
    for_editors: bool = False
    is_danger: bool = False


IN_THE_HEAD = ("pause", "resume", "activate")
ACTS = {
    "pause": Act(
        "Pause",
        "The portal stops nothing over there: do what is written under how to pause it, and say here that it is so.",
        "Mark as paused",
        NeedsReasonForm,
        operations.pause_automation,
        _to(AutomationState.PAUSED),
        {},
        "It is marked as paused.",
    ),
    "resume": Act(
        "Resume",
        "It goes back into service as it was.",
        "Resume",
        ReasonForm,
        operations.resume_automation,
        lambda automation: automation.state == AutomationState.PAUSED,
        {},
        "It is in service again.",
    ),
    "activate": Act(
        "Put into service",
        "From then on people rely on it. A freeze holds back features and experiments.",
        "Put into service",
        ActivationForm,
        operations.activate_automation,
        _to(AutomationState.ACTIVE),
        {},
        "It is in service.",
        for_editors=True,
    ),
    "retire": Act(
        "Retire",
        "It leaves service for good; what is known about it stays.",
        "Retire for good",
        NeedsReasonForm,
        operations.retire_automation,
        _to(AutomationState.RETIRED),
        {},
        "It is retired.",
        for_editors=True,
        is_danger=True,
    ),
    "degraded": Act(
        "Tell sales it is degraded",
        "Everybody who may see it reads this sentence until it ends, in the list and on its page.",
        "Tell sales",
        DegradedForm,
        operations.set_degraded,
        lambda automation: automation.state != AutomationState.RETIRED,
        {},
        "Sales reads it now.",
    ),
    "restored": Act(
        "Works again",
        "Sales no longer reads that it is degraded.",
        "It works again",
        ReasonForm,
        operations.clear_degraded,
        lambda automation: bool(automation.degraded),
        {},
        "Sales no longer reads that it is degraded.",
    ),
    "fallback-on": Act(
        "Fallback on",
        "Say that the fallback does its work from now on.",
        "It runs on its fallback",
        ReasonForm,
        operations.switch_fallback,
        lambda automation: bool(automation.fallback) and automation.fallback_since is None,
        {"on": True},
        "It runs on its fallback.",
    ),
    "fallback-off": Act(
        "Fallback off",
        "Say that it does its work itself again.",
        "It runs itself again",
        ReasonForm,
        operations.switch_fallback,
        lambda automation: automation.fallback_since is not None,
        {"on": False},
        "It runs itself again.",
    ),
}


def open_acts(automation: Automation, *, may_edit: bool) -> list[tuple[str, Act]]:
    """What can be done to it as it stands, by somebody who may operate it; the head of the page has the usual moves."""
    return [
        (name, act)
        for name, act in ACTS.items()
        if name not in IN_THE_HEAD and act.fits(automation) and (may_edit or not act.for_editors)
    ]


@scope_required("catalog:read")
def act(request: HttpRequest, slug: str, name: str) -> HttpResponse:
    if name not in ACTS:
        raise Http404
    found = ACTS[name]
    automation = (editable if found.for_editors else operable)(request, slug)
    form = found.form(request.POST if request.method == "POST" else None)

    def call(values: dict[str, Any], **who: Any) -> str:
        found.operation(automation, **values, **found.fixed, **who)
        return found.done

    return form_page(
        request,
        form,
        call,
        title=f"{found.label}: {automation.name}",
        back_url=reverse("catalog:automation", args=[slug]),
        back_label=automation.name,
        sentence=found.sentence,
        button=found.button,
        is_danger=found.is_danger,
    )
