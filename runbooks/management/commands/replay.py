"""Replay plans from the command line: manage.py replay plan TARGET, then show, start, run, report."""

import json
import time
from dataclasses import asdict
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from opsportal import clock, trace
from opsportal.errors import DomainError, InvalidInput
from opsportal.identity.actors import actor_for
from opsportal.identity.models import Person
from opsportal.identity.queries import get_person
from runbooks.models import ReplayPlan
from runbooks.plans import operations, queries, shadowing, sweep
from runbooks.plans.selection import BOUNDS, FILTERS
from runbooks.queue import dispatch
from runbooks.states import OVER_PLANS, PLAN_WORDS, PlanState
from runbooks.targets.queries import get_target

SECONDS = 5.0


class Command(BaseCommand):
    help = (
        "Draw up, look through, start and watch replays of many payloads. `plan` makes a dry run: nothing is sent "
        "before `start`. `run` sends until the plan ends; it can be interrupted and goes on. Exit code 0: done, "
        "1: it waits for somebody or not everything arrived, 2: refused."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--as", dest="username", metavar="USERNAME", help="who acts; each change needs somebody")
        acts = parser.add_subparsers(dest="act", required=True)
        plan = acts.add_parser("plan", help="draw up a plan for a target, and its dry run")
        plan.add_argument("target")
        plan.add_argument("--reason", required=True)
        for name in [*FILTERS, *BOUNDS]:
            plan.add_argument(f"--{name.replace('_', '-')}", dest=f"said_{name}")
        plan.add_argument(
            "--item", action="append", dest="said_items", help="a payload's id; several times for several"
        )
        plan.add_argument("--transform", type=Path, help="a JSON file with the steps of a field map")
        plan.add_argument("--rate", type=int, help="at most so many a minute, never above the target's")
        plan.add_argument("--canary", type=int, default=0, help="so many go first; the rest waits for resume")
        plan.add_argument("--abort-ratio", default="0.2", help="stop above this share of failures (default 0.2)")
        plan.add_argument("--shadow", action="store_true", help="send a sample to the target's shadow address")
        for name in ("show", "report", "shadow", "start", "run", "resume"):
            acts.add_parser(name).add_argument("plan_id")
        for name in ("pause", "cancel"):
            one = acts.add_parser(name)
            one.add_argument("plan_id")
            one.add_argument("--reason", required=True)
        acts.add_parser("list", help="plans that are not over")

    def handle(self, *args: Any, act: str, username: str | None, **options: Any) -> None:
        try:
            with trace.scope(source="command"):
                self._act(act, username, options)
        except DomainError as error:
            raise CommandError(error.message, returncode=2) from None

    def _act(self, act: str, username: str | None, options: dict[str, Any]) -> None:
        if act == "list":
            for plan in queries.every_plan().exclude(state__in=OVER_PLANS):
                self.stdout.write(f"{plan.pk}  {PLAN_WORDS[PlanState(plan.state)]:18} {plan}")
            return
        if act == "plan":
            self._show(self._plan(_person(username), options))
            return
        plan = _plan(options["plan_id"])
        if act in ("show", "report"):
            self._show(plan) if act == "show" else self._report(plan)
        elif act == "run":
            self._run(plan)
        else:
            person = _person(username)
            self._show(_moved(act, queries.get_plan(plan.pk, person), person, options.get("reason") or ""))

    def _plan(self, person: Person, options: dict[str, Any]) -> ReplayPlan:
        said = {name.removeprefix("said_"): value for name, value in options.items() if name.startswith("said_")}
        values = {
            "reason": options["reason"],
            "selection": {name: value for name, value in said.items() if value is not None},
            "transform": _steps(options["transform"]),
            "rate_per_minute": options["rate"],
            "canary_count": options["canary"],
            "abort_ratio": _ratio(options["abort_ratio"]),
        }
        target, actor, now = get_target(options["target"], person), actor_for(person), clock.now()
        plan = operations.create_plan(target, values=values, person=person, actor=actor, now=now)
        plan = operations.freeze_plan(plan, principal=person, actor=actor, now=now)
        if options["shadow"]:
            operations.send_to_shadow(plan, person=person, actor=actor, now=now)
        return plan

    def _show(self, plan: ReplayPlan) -> None:
        seconds = queries.duration_of(plan).total_seconds()
        self.stdout.write(f"{plan.pk}  {PLAN_WORDS[PlanState(plan.state)]}  {plan.note}".rstrip())
        self.stdout.write(
            f"{plan.item_count:,} payloads of {plan.key_count:,} records to {plan.target.url}, at most "
            f"{plan.effective_rate:,} a minute: at least {seconds:,.0f} s."
        )
        for state, count in sorted(plan.left_out.items()):
            self.stdout.write(f"left out: {count:,} {state}")
        behind = queries.going(plan).filter(is_behind=True).count()
        if behind:
            self.stdout.write(f"{behind:,} wait behind a payload of their record that a person decides.")
        sends = list(plan.shadow_sends.order_by("position"))
        for one, word, _ in shadowing.words_of(sends, clock.now()):
            self.stdout.write(f"shadow: {one.position:>6,}  {word}  {one.answer}".rstrip())
        if plan.state in (PlanState.AWAITING_APPROVAL, PlanState.PAUSED):
            raise SystemExit(1)

    def _report(self, plan: ReplayPlan) -> None:
        report = queries.report_of(plan)
        self.stdout.write(json.dumps(asdict(report), indent=2))
        self.stdout.write(report.sentence)
        if report.waiting or report.dead or report.in_doubt:
            raise SystemExit(1)

    def _run(self, plan: ReplayPlan) -> None:
        """Send here and now, beside whatever workers do, until the plan is not running any more."""
        while plan.state == PlanState.RUNNING:
            now = clock.database_now()
            sweep.advance(now)
            dispatch.drain(now, seconds=SECONDS)
            sweep.advance(clock.database_now())
            plan = _plan(str(plan.pk))
            progress = queries.progress_of(plan)
            self.stdout.write(f"{progress.delivered:,} of {progress.total:,} delivered, {progress.bad:,} not")
            if plan.state == PlanState.RUNNING:
                time.sleep(0.2)
        self.stdout.write(f"{PLAN_WORDS[PlanState(plan.state)]}. {plan.note}".strip())
        self._report(plan)


def _moved(act: str, plan: ReplayPlan, person: Person, reason: str) -> ReplayPlan:
    actor, now = actor_for(person), clock.now()
    if act == "start":
        return operations.start_plan(plan, person=person, actor=actor, now=now)
    if act == "shadow":
        return operations.send_to_shadow(plan, person=person, actor=actor, now=now)
    if act == "resume":
        return operations.resume_plan(plan, actor=actor, now=now, reason=reason)
    operation = operations.pause_plan if act == "pause" else operations.cancel_plan
    return operation(plan, reason=reason, actor=actor, now=now)


def _plan(plan_id: str) -> ReplayPlan:
    try:
        return queries.every_plan().get(pk=UUID(plan_id))
    except (ValueError, ReplayPlan.DoesNotExist):
        raise InvalidInput("unknown_plan", "There is no such replay plan.") from None


def _person(username: str | None) -> Person:
    if not username:
        raise InvalidInput("required", "Say who acts: --as USERNAME.")
    person = get_person(username)
    if not person.is_active or not person.allows("replay:request"):
        raise InvalidInput("not_allowed", f"{person} may not replay.")
    return person


def _steps(path: Path | None) -> Any:
    if path is None:
        return []
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidInput("transform", f"{path} is no JSON: {error}", field="transform") from None


def _ratio(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise InvalidInput("invalid", "A ratio from 0 to 1.", field="abort_ratio") from None
