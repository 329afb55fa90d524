"""What a step of our own can do: pause and resume, switches, fallback, what sales reads, telling a channel."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from opsportal import trace
from opsportal.approvals.states import Risk
from opsportal.catalog import operations, queries
from opsportal.catalog.models import Automation, Switch
from opsportal.catalog.states import AutomationState
from opsportal.errors import NotFound
from opsportal.identity.models import Person
from opsportal.identity.roles import Role
from opsportal.notify.operations import publish
from runbooks.executions.registry import Call, Parameter, Params, StepKind, Verdict, register

AUTOMATION = Parameter("automation", longest=60)
SWITCH = Parameter("switch", longest=60)
REASON = Parameter("reason", required=False)
DROPS_DATA = Parameter("drops_data", required=False, choices=("yes", "no"))


def register_all() -> None:
    for kind in KINDS:
        register(kind)


def automation_of(params: Params) -> Automation:
    """The automation an action names; raises NotFound."""
    found = Automation.objects.filter(slug=params.get("automation", "")).first()
    if found is None:
        raise NotFound("unknown_automation", f"There is no automation “{params.get('automation', '')[:60]}”.")
    return found


def _switch_of(params: Params) -> Switch:
    rows = Switch.objects.select_related("automation")
    found = rows.filter(automation__slug=params.get("automation", ""), slug=params.get("switch", "")).first()
    if found is None:
        raise NotFound("unknown_switch", f"There is no switch “{params.get('switch', '')[:60]}” there.")
    return found


def _automation_faults(params: Params) -> Iterable[str]:
    if not Automation.objects.filter(slug=params["automation"]).exists():
        yield f"There is no automation “{params['automation'][:60]}”."


def _switch_faults(params: Params) -> Iterable[str]:
    rows = Switch.objects.filter(automation__slug=params["automation"], slug=params["switch"])
    if not rows.exists():
        yield f"“{params['automation'][:60]}” has no switch “{params['switch'][:60]}”."


def _safe(params: Params) -> Risk:
    return Risk.SAFE


def _guarded(params: Params) -> Risk:
    return Risk.GUARDED


def _switch_risk(on: bool) -> Callable[[Params], Risk]:
    """A switch that loses what comes in takes two people: the switch says so itself, or who wrote the step does."""

    def risk(params: Params) -> Risk:
        drops = params.get("drops_data") == "yes" or _switch_of(params).drops_data(on)
        return Risk.DANGEROUS if drops else Risk.GUARDED

    return risk


def _operates(person: Person, params: Params, now: datetime) -> bool:
    """Safe ones: who is on shift, the owner, an ops lead."""
    return queries.may_operate(automation_of(params), person, now)


def _edits(person: Person, params: Params, now: datetime) -> bool:
    """Guarded ones: the owner, an ops lead."""
    return queries.may_edit(automation_of(params), person)


def _switches(on: bool) -> Callable[[Person, Params, datetime], bool]:
    def may(person: Person, params: Params, now: datetime) -> bool:
        if _switch_risk(on)(params) == Risk.DANGEROUS:
            return Role.OPS_LEAD in person.roles
        return _edits(person, params, now)

    return may


def _announces(person: Person, params: Params, now: datetime) -> bool:
    """Who is on shift for something, owns something, or leads."""
    if Role.OPS_LEAD in person.roles:
        return True
    return any(queries.may_operate(one, person, now) for one in Automation.objects.visible_to(person)[:200])


def _why(call: Call) -> str:
    return call.reason or call.params.get("reason", "") or call.step.title


def _pause(call: Call) -> str:
    automation = operations.pause_automation(
        automation_of(call.params), actor=call.actor, now=call.now, reason=_why(call)
    )
    return f"{automation} is paused in the portal. {automation.how_to_pause}".strip()


def _resume(call: Call) -> str:
    automation = operations.resume_automation(
        automation_of(call.params), actor=call.actor, now=call.now, reason=_why(call)
    )
    return f"{automation} is in service again."


def _flip(on: bool) -> Callable[[Call], str]:
    def run(call: Call) -> str:
        switch = _switch_of(call.params)
        # A dangerous one comes here after a second person's approval only.
        approved = _switch_risk(on)(call.params) == Risk.DANGEROUS
        operations.flip_switch(switch, on=on, actor=call.actor, now=call.now, reason=_why(call), is_approved=approved)
        return f"“{switch.label}” is {'on' if on else 'off'}."

    return run


def _fallback(on: bool) -> Callable[[Call], str]:
    def run(call: Call) -> str:
        automation = automation_of(call.params)
        operations.switch_fallback(automation, on=on, actor=call.actor, now=call.now, reason=_why(call))
        return f"{automation} {'runs on its fallback' if on else 'runs without its fallback'}."

    return run


def _tell_sales(call: Call) -> str:
    until = call.now + timedelta(hours=int(call.params["hours"]))
    operations.set_degraded(
        automation_of(call.params),
        sentence=call.params["sentence"],
        until=until,
        actor=call.actor,
        now=call.now,
        reason=_why(call),
    )
    return f"Sales reads: {call.params['sentence']}"


def _tell_sales_over(call: Call) -> str:
    operations.clear_degraded(automation_of(call.params), actor=call.actor, now=call.now, reason=_why(call))
    return "Sales reads nothing any more."


def _announce(call: Call) -> str:
    execution = call.step.execution
    data = {
        "id": str(execution.pk),
        "name": call.params["words"],
        "runbook": execution.runbook.slug,
        "drill": execution.is_drill,
        "page": execution.get_absolute_url(),
    }
    team = execution.runbook.team
    publish(
        event_type="runbook.announced",
        data=data | ({"name": f"DRILL: {call.params['words']}"} if execution.is_drill else {}),
        team=team.slug if team else "",
        trace_id=execution.trace_id or trace.current_trace_id(),
        key=f"runbook.announced:{call.key}",
        now=call.now,
    )
    return "Channels that follow runbook.announced are told."


def _state_is(state: AutomationState) -> Callable[[Params, datetime], Verdict]:
    def check(params: Params, now: datetime) -> Verdict:
        automation = automation_of(params)
        return Verdict(automation.state == state, f"{automation} is {automation.state}.")

    return check


def _switch_is(on: bool) -> Callable[[Params, datetime], Verdict]:
    def check(params: Params, now: datetime) -> Verdict:
        switch = _switch_of(params)
        return Verdict(switch.is_on == on, f"“{switch.label}” is {'on' if switch.is_on else 'off'}.")

    return check


def _fallback_is(on: bool) -> Callable[[Params, datetime], Verdict]:
    def check(params: Params, now: datetime) -> Verdict:
        is_on = automation_of(params).fallback_since is not None
        return Verdict(is_on == on, f"The fallback is {'on' if is_on else 'off'}.")

    return check


def _hours(params: Params) -> Iterable[str]:
    yield from _automation_faults(params)
    hours = params["hours"]
    if not (hours.isascii() and hours.isdecimal() and 1 <= int(hours[:4]) <= 168):
        yield "“hours” is a whole number from 1 to 168."


def _named(verb: str) -> Callable[[Params], str]:
    return lambda params: f"{verb} {params.get('automation', '')}"


def _named_switch(verb: str) -> Callable[[Params], str]:
    return lambda params: f"{verb} “{params.get('switch', '')}” of {params.get('automation', '')}"


def _taken_back_by(name: str, *keys: str) -> Callable[[Params], dict[str, str] | None]:
    return lambda params: {"do": name, **{key: params[key] for key in keys if key in params}}


def _pair(
    name: str,
    label: str,
    verb: str,
    run: Callable[[Call], str],
    check: Callable[[Params, datetime], Verdict],
    back: str,
) -> StepKind:
    """A guarded kind about one automation, with what takes it back."""
    return StepKind(
        name,
        label,
        (AUTOMATION, REASON),
        _guarded,
        _edits,
        _named(verb),
        run,
        check,
        _taken_back_by(back, "automation"),
        _automation_faults,
    )


def _switch_kind(name: str, label: str, verb: str, on: bool, back: str) -> StepKind:
    return StepKind(
        name,
        label,
        (AUTOMATION, SWITCH, REASON, DROPS_DATA),
        _switch_risk(on),
        _switches(on),
        _named_switch(verb),
        _flip(on),
        _switch_is(on),
        _taken_back_by(back, "automation", "switch"),
        _switch_faults,
    )


PAUSED, ACTIVE = AutomationState.PAUSED, AutomationState.ACTIVE
KINDS = (
    _pair("pause-automation", "Pause an automation", "Pause", _pause, _state_is(PAUSED), "resume-automation"),
    _pair("resume-automation", "Resume an automation", "Resume", _resume, _state_is(ACTIVE), "pause-automation"),
    _pair(
        "fallback-on",
        "Run on the fallback",
        "Turn on the fallback of",
        _fallback(True),
        _fallback_is(True),
        "fallback-off",
    ),
    _pair(
        "fallback-off",
        "Run without the fallback",
        "Turn off the fallback of",
        _fallback(False),
        _fallback_is(False),
        "fallback-on",
    ),
    _switch_kind("switch-on", "Turn a switch on", "Turn on", True, "switch-off"),
    _switch_kind("switch-off", "Turn a switch off", "Turn off", False, "switch-on"),
    StepKind(
        "tell-sales",
        "Tell sales what to expect",
        (AUTOMATION, Parameter("sentence"), Parameter("hours", longest=3)),
        _safe,
        _operates,
        _named("Tell sales about"),
        _tell_sales,
        undo=_taken_back_by("tell-sales-over", "automation"),
        faults=_hours,
    ),
    StepKind(
        "tell-sales-over",
        "Tell sales that it is over",
        (AUTOMATION,),
        _safe,
        _operates,
        _named("Tell sales that it is over for"),
        _tell_sales_over,
        faults=_automation_faults,
    ),
    StepKind(
        "tell-channel",
        "Tell the channels that follow",
        (Parameter("words"),),
        _safe,
        _announces,
        lambda params: "Tell the channels",
        _announce,
    ),
)
