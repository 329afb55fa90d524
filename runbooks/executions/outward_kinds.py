"""What a step can do outside of the catalogue: the backup queue of a target, a call of a registered webhook."""

from collections.abc import Callable, Iterable
from datetime import datetime
from hashlib import sha256
from urllib.parse import urlsplit

from opsportal.approvals.states import Risk
from opsportal.catalog import queries as catalog
from opsportal.catalog.models import Automation
from opsportal.errors import DomainError, NotFound
from opsportal.identity.models import Person
from opsportal.identity.roles import Role
from runbooks.executions.registry import Call, Called, Parameter, Params, StepKind, Verdict, register
from runbooks.models import ReplayTarget
from runbooks.targets import operations as targets
from runbooks.webhooks import calling
from runbooks.webhooks.queries import get_callable

TARGET = Parameter("target", longest=60)
REASON = Parameter("reason", required=False)


def register_all() -> None:
    for kind in (*BACKUPS, CALL_WEBHOOK):
        register(kind)


def _target_of(params: Params) -> ReplayTarget:
    rows = ReplayTarget.objects.select_related("automation__owner", "automation__backup_owner")
    found = rows.filter(slug=params.get("target", "")).first()
    if found is None:
        raise NotFound("unknown_target", f"There is no replay target “{params.get('target', '')[:60]}”.")
    return found


def _looks_after(person: Person, automation: Automation | None) -> bool:
    """An ops lead; of what belongs to an automation also whoever edits that."""
    return Role.OPS_LEAD in person.roles or (automation is not None and catalog.may_edit(automation, person))


def _keeps_target(person: Person, params: Params, now: datetime) -> bool:
    return _looks_after(person, _target_of(params).automation)


def _target_faults(params: Params) -> Iterable[str]:
    if not ReplayTarget.objects.filter(slug=params["target"]).exists():
        yield f"There is no replay target “{params['target'][:60]}”."


def _backup(on: bool) -> Callable[[Call], str]:
    def run(call: Call) -> str:
        target = _target_of(call.params)
        reason = call.reason or call.params.get("reason", "") or call.step.title
        targets.switch_backup(target, on=on, reason=reason[:240], actor=call.actor, now=call.now)
        return f"Whoever sends to {target} is told to {'store in the queue instead' if on else 'send again'}."

    return run


def _backup_is(on: bool) -> Callable[[Params, datetime], Verdict]:
    def check(params: Params, now: datetime) -> Verdict:
        target = _target_of(params)
        return Verdict(target.backup_mode == on, f"Its backup queue is {'on' if target.backup_mode else 'off'}.")

    return check


def _backup_kind(name: str, label: str, on: bool, back: str) -> StepKind:
    return StepKind(
        name,
        label,
        (TARGET, REASON),
        lambda params: Risk.GUARDED,
        _keeps_target,
        lambda params: f"{label} of {params.get('target', '')}",
        _backup(on),
        _backup_is(on),
        lambda params: {"do": back, "target": params["target"]},
        _target_faults,
    )


def _webhook_risk(params: Params) -> Risk:
    return Risk.DANGEROUS if get_callable(params.get("webhook", "")).is_dangerous else Risk.GUARDED


def _may_call(person: Person, params: Params, now: datetime) -> bool:
    webhook = get_callable(params.get("webhook", ""))
    if webhook.is_dangerous:
        return Role.OPS_LEAD in person.roles
    return _looks_after(person, webhook.automation)


def _webhook_faults(params: Params) -> Iterable[str]:
    for name in ("webhook", "undo"):
        if slug := params.get(name, "").strip():
            try:
                get_callable(slug)
            except DomainError as error:
                yield error.message


def _announce_call(call: Call) -> str:
    """What is kept before the call leaves: whoever finds only this looks there before anything is repeated."""
    return f"{get_callable(call.params['webhook'])} was called; no answer is known yet."


def _send(call: Call) -> Called:
    webhook, execution = get_callable(call.params["webhook"]), call.step.execution
    data = {
        "id": str(execution.pk),
        "runbook": execution.runbook.slug,
        "step": call.step.key,
        "title": call.step.title,
        "person": call.person.username,
        "reason": call.reason,
        "words": call.params.get("words", ""),
        "trace_id": execution.trace_id,
    }
    done = calling.call(webhook, message_id=call.key, data=data, now=call.now)
    return Called(done.holds, f"{webhook} was called. {done.sentence}", done.may_repeat)


def _called_at(params: Params) -> dict[str, str]:
    """A yes is for this address; pointing the webhook elsewhere takes another."""
    webhook = get_callable(params.get("webhook", ""))
    digest = sha256(webhook.url.encode()).hexdigest()  # a path may be a secret
    return {"webhook": webhook.slug, "host": urlsplit(webhook.url).netloc, "url_sha256": digest}


def _undo_of_call(params: Params) -> dict[str, str] | None:
    undo = params.get("undo", "").strip()
    return {"do": "call-webhook", "webhook": undo} if undo else None


BACKUPS = (
    _backup_kind("backup-on", "Turn on the backup queue", True, "backup-off"),
    _backup_kind("backup-off", "Turn off the backup queue", False, "backup-on"),
)
CALL_WEBHOOK = StepKind(
    "call-webhook",
    "Call a registered webhook",
    (
        Parameter("webhook", longest=60),
        Parameter("words", required=False),
        Parameter("undo", required=False, longest=60),
        REASON,
    ),
    _webhook_risk,
    _may_call,
    lambda params: f"Call {params.get('webhook', '')}",
    _announce_call,
    undo=_undo_of_call,
    faults=_webhook_faults,
    reaches=_called_at,
    send=_send,
)
