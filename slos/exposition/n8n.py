"""What n8n's error workflow sends, read as the run that failed. No database here.

Two shapes (n8n 1.123, recorded in tests/slos/n8n/): {execution, workflow} of an execution, saved or not, and {trigger,
workflow} of a trigger that could not start, which has no execution and often says nothing of the error.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from opsportal.errors import InvalidInput

ERROR_CLASS = re.compile(r"\b[A-Z][A-Za-z0-9]{2,60}(?:Error|Exception)\b")
CODE = re.compile(r"[A-Za-z0-9_]{2,20}")
TRIGGERED_BY = {"webhook": "event", "manual": "human", "retry": "human"}
TRIGGER_FAILED = "TriggerError"
SKEW = timedelta(minutes=5)
OLDEST = timedelta(days=30)  # an execution may wait for an answer so long


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed run as the runs' intake reads it, but for the automation, and the workflow it was of."""

    workflow_id: str
    workflow_name: str
    run: dict[str, Any]


def read_failure(payload: Any, now: datetime) -> Failure:
    """Raises InvalidInput when this is not what an error workflow passes on."""
    workflow = _mapping(payload, "workflow")
    workflow_id, name = _text(workflow.get("id"), 100), _text(workflow.get("name"), 200)
    if not workflow_id and not name:
        raise InvalidInput("no_workflow", "The workflow that failed has no id and no name.", field="workflow")
    if "execution" in payload:
        run = _of_execution(_mapping(payload, "execution"), workflow_id or name, now)
    elif "trigger" in payload:
        run = _of_trigger(_mapping(payload, "trigger"), workflow_id or name, now)
    else:
        raise InvalidInput(
            "not_an_error", "n8n's Error Trigger passes on an execution or a trigger.", field="execution"
        )
    run["tags"] |= {"n8n_workflow": (workflow_id or name)[:200]}
    return Failure(workflow_id or name, name, run)


def _of_execution(execution: Mapping[str, Any], workflow: str, now: datetime) -> dict[str, Any]:
    error = _error(execution)
    ended = _instant(error.get("timestamp"), now) or now
    began = _instant(_inner(execution, "executionContext").get("establishedAt"), now)
    retried = _text(execution.get("retryOf"), 100)
    tags = {"n8n_url": _text(execution.get("url"), 200), "n8n_retry_of": retried}
    run: dict[str, Any] = {
        # An execution that is not saved may come without an id.
        "run_id": _text(execution.get("id"), 200) or _made_up_id("unsaved", workflow, execution, now),
        "attempt": 2 if retried else 1,
        "trigger": TRIGGERED_BY.get(_text(execution.get("mode"), 20), ""),
        "tags": {name: value for name, value in tags.items() if value},
        **_ending(error, ended, "WorkflowError"),
    }
    if began is not None and began <= ended:
        run["started_at"] = began.isoformat()
    if node := _text(execution.get("lastNodeExecuted"), 120):
        run["steps"] = [{"name": node, "status": "failed"}]
    return run


def _of_trigger(trigger: Mapping[str, Any], workflow: str, now: datetime) -> dict[str, Any]:
    error = _error(trigger)
    ended = _instant(error.get("timestamp"), now) or now
    return {
        "run_id": _made_up_id("trigger", workflow, trigger, now),
        "trigger": "",
        "tags": {},
        **_ending(error, ended, TRIGGER_FAILED),
    }


def _ending(error: Mapping[str, Any], ended: datetime, unnamed: str) -> dict[str, Any]:
    message = _text(error.get("message"), 2_000)
    described = _text(error.get("description"), 1_000)
    if described and not ERROR_CLASS.fullmatch(described) and described not in message:
        message = f"{message}: {described}" if message else described
    return {
        "status": "failed",
        "finished_at": ended.isoformat(),
        "error_type": _error_type(error, unnamed),
        "error_message": message,
    }


def _error_type(error: Mapping[str, Any], unnamed: str) -> str:
    """The class of the error, with the code of the answer where there is one: NodeApiError 429."""
    name = _text(error.get("name"), 80)
    if not ERROR_CLASS.fullmatch(name) or name == "NodeOperationError":
        told = f"{_text(error.get('description'), 200)} {_text(error.get('stack'), 400).partition(chr(10))[0]}"
        name = next(iter(ERROR_CLASS.findall(told)), "") or name or unnamed
    code = _text(error.get("httpCode"), 20)
    return f"{name} {code}"[:120] if CODE.fullmatch(code) else name


def _error(part: Mapping[str, Any]) -> Mapping[str, Any]:
    error = part.get("error")
    return error if isinstance(error, Mapping) else {"message": error}


def _made_up_id(kind: str, workflow: str, part: Mapping[str, Any], now: datetime) -> str:
    """The same report within a minute is the same run: whoever sends it twice means it once."""
    said = json.dumps([workflow, part, now.strftime("%Y%m%d%H%M")], sort_keys=True, default=str)
    return f"{kind}-{hashlib.sha256(said.encode('utf-8', 'surrogatepass')).hexdigest()[:20]}"


def _mapping(payload: Any, name: str) -> Mapping[str, Any]:
    value = payload.get(name) if isinstance(payload, Mapping) else None
    if not isinstance(value, Mapping):
        raise InvalidInput("invalid", f"An object “{name}” is expected here.", field=name)
    return value


def _inner(part: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = part.get(name)
    return value if isinstance(value, Mapping) else {}


def _text(value: Any, longest: int) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return str(value).strip()[:longest]


def _instant(milliseconds: Any, now: datetime) -> datetime | None:
    """An instant in n8n's milliseconds; None where it cannot be: a clock that is wrong tells nothing."""
    if isinstance(milliseconds, bool) or not isinstance(milliseconds, int | float):
        return None
    try:
        instant = datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (OverflowError, OSError, ValueError):
        return None
    return instant if now - OLDEST <= instant <= now + SKEW else None
