"""What a step can do for the replay queue: draw a plan up. It only makes the dry run; people start it on its page."""

from collections.abc import Iterable
from datetime import datetime

from opsportal.approvals.states import Risk
from opsportal.errors import NotFound
from opsportal.identity.models import Person
from opsportal.web.words import count
from runbooks.executions.registry import Call, Parameter, Params, StepKind, register
from runbooks.models import ReplayTarget
from runbooks.plans import freezing, operations


def register_all() -> None:
    register(PLAN_REPLAY)


def _may_plan(person: Person, params: Params, now: datetime) -> bool:
    visible = ReplayTarget.objects.visible_to(person).filter(slug=params.get("target", ""))
    return person.allows("replay:request") and visible.exists()


def _faults(params: Params) -> Iterable[str]:
    if not ReplayTarget.objects.filter(slug=params["target"]).exists():
        yield f"There is no replay target “{params['target'][:60]}”."
    canary = params.get("canary", "").strip()
    if canary and not (canary.isascii() and canary.isdecimal() and int(canary[:7]) <= freezing.MOST):
        yield "“canary” is a whole number."


def _plan(call: Call) -> str:
    """The plan is about what the execution is about, such as an incident; else about the execution itself."""
    target = ReplayTarget.objects.visible_to(call.person).filter(slug=call.params["target"]).first()
    if target is None:
        raise NotFound("unknown_target", f"There is no replay target “{call.params['target'][:60]}”.")
    execution, actor, now = call.step.execution, call.actor, call.now
    about = (execution.about_type, execution.about_id)
    values = {
        "reason": call.reason or f"{call.step.title}, by {execution.runbook}",
        "selection": {"error_type": call.params.get("error_type", "")},
        "canary_count": int(call.params.get("canary", "").strip() or 0),
    }
    own = ("execution", str(execution.pk))
    chosen = about if all(about) else own
    plan = operations.create_plan(target, values=values, person=call.person, actor=actor, now=now, about=chosen)
    plan = operations.freeze_plan(plan, principal=call.person, actor=actor, now=now)
    return f"A dry run of {count(plan.item_count, 'payload')} stands at {plan.get_absolute_url()}; nothing is sent yet."


PLAN_REPLAY = StepKind(
    "plan-replay",
    "Build a replay plan",
    (
        Parameter("target", longest=60),
        Parameter("error_type", required=False, longest=120),
        Parameter("canary", required=False, longest=6),
    ),
    lambda params: Risk.SAFE,
    _may_plan,
    lambda params: f"Build a replay plan for {params.get('target', '')}",
    _plan,
    faults=_faults,
)
