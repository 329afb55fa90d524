"""The dry run: a selection becomes rows, and each row is looked through. Set by set, so that many cost little.

Only a transformation looks into the payloads themselves: what it makes of each is bound by its hash.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator
from typing import Any

from django.db import connection
from django.db.models import Count, Exists, F, Min, OuterRef, Q, QuerySet, Value, Window
from django.db.models.functions import RowNumber
from django.db.models.sql.compiler import SQLCompiler

from opsportal.catalog.models import Tier
from opsportal.errors import InvalidInput
from opsportal.identity.actors import Principal
from opsportal.vault import operations as vault
from opsportal.vault.models import SubjectKey
from runbooks.models import Payload, PlanItem, ReplayItem, ReplayPlan
from runbooks.plans import selection
from runbooks.plans.engine import transform
from runbooks.queue import vaulting
from runbooks.states import UNDECIDED

MOST, MOST_TRANSFORMED = 100_000, 20_000
CHUNK = 1_000
REMOVED, ERASED = "removed", "erased"
FINDINGS = {
    REMOVED: "Its payload was removed.",
    ERASED: "The key of its data subject was destroyed.",
    transform.NOT_JSON: "It is no JSON that can be transformed.",
    transform.NO_FIELD: "It has not the fields that the transformation names.",
    transform.TOO_LONG: "Transformed, it is too long.",
}
_ANY = Q()
_UNDECIDED = sorted(one.value for one in UNDECIDED)

# What it finds: payloads whose time has passed, and those of a data subject that was erased. Asked row by row, by an
# index: a join may be planned by what the tables were before an import filled them.
_INSERT = """
INSERT INTO runbooks_planitem
    (plan_id, item_id, position, revision, sha256, tries, sent_sha256, finding, is_behind, is_canary, is_overtaken)
SELECT {chosen}, '', coalesce((
        SELECT CASE WHEN EXISTS (
            SELECT 1 FROM {keys} AS living WHERE living.subject = payload.subject AND living.shredded_at IS NULL
        ) THEN '' ELSE '{erased}' END
        FROM {payloads} AS payload
        WHERE payload.item_id = frozen.frozen_item AND payload.revision = frozen.frozen_revision
    ), '{removed}'), FALSE, FALSE, FALSE
FROM ({selected}) AS frozen
"""


def freeze(plan: ReplayPlan, principal: Principal | None) -> None:
    """Write the plan's rows anew, and what is known of them into `plan`, unsaved. Raises InvalidInput `nothing`,
    `too_many`.
    """
    matched = selection.matching(plan.target, plan.selection, principal)
    states = selection.takes(plan.target, is_transformed=bool(plan.transform))
    counts = dict(matched.order_by().values_list("state").annotate(count=Count("pk")))
    most = MOST_TRANSFORMED if plan.transform else MOST
    wanted = sum(count for state, count in counts.items() if state in states)
    if wanted > most:
        raise InvalidInput("too_many", f"A plan has at most {most:,} payloads; this selects {wanted:,}.")
    PlanItem.objects.filter(plan=plan).delete()
    _insert(plan, matched.filter(state__in=states))
    if plan.transform:
        _transform_all(plan)
    _mark_behind(plan)
    _mark_canary(plan)
    _sum_up(plan, {state: count for state, count in counts.items() if state not in states})


def _insert(plan: ReplayPlan, items: QuerySet[ReplayItem]) -> None:
    """One statement for all rows, in the order they came, with what cannot be read of them."""
    order = [F("received_at"), F("sequence"), F("pk")]
    numbered = items.order_by().annotate(
        frozen_plan=Value(plan.pk, output_field=ReplayPlan._meta.pk),
        frozen_item=F("pk"),
        frozen_position=Window(RowNumber(), order_by=order),
        frozen_revision=F("revision"),
        frozen_sha256=F("sha256"),
        frozen_tries=F("tries"),
    )
    names = [f"frozen_{name}" for name in ("plan", "item", "position", "revision", "sha256", "tries")]
    rows = numbered.values(*names)
    compiler: SQLCompiler = rows.query.get_compiler(connection=connection)
    sql, params = compiler.as_sql()
    chosen = ", ".join(f"frozen.{connection.ops.quote_name(name)}" for name in names)
    tables = {"payloads": Payload._meta.db_table, "keys": SubjectKey._meta.db_table}
    with connection.cursor() as cursor:
        cursor.execute(_INSERT.format(chosen=chosen, selected=sql, removed=REMOVED, erased=ERASED, **tables), params)


def _transform_all(plan: ReplayPlan) -> None:
    """What the transformation makes of each body, kept as its hash; a body that stays the same goes as it is."""
    steps = transform.read_steps(plan.transform)
    changed: list[PlanItem] = []
    for row, body in bodies(PlanItem.objects.filter(plan=plan, finding="")):
        if body is None:
            row.finding = ERASED
        else:
            row.sent_sha256, row.finding = _transformed(steps, body)
        changed.append(row)
        if len(changed) >= CHUNK:
            PlanItem.objects.bulk_update(changed, ["sent_sha256", "finding"], batch_size=CHUNK)
            changed.clear()
    PlanItem.objects.bulk_update(changed, ["sent_sha256", "finding"], batch_size=CHUNK)


def _transformed(steps: list[transform.Step], body: bytes) -> tuple[str, str]:
    try:
        made = transform.apply(steps, body)
    except transform.Untransformable as refusal:
        return "", refusal.code
    return ("", "") if made == body else (vaulting.sha256(made), "")


def bodies(rows: QuerySet[PlanItem]) -> Iterator[tuple[PlanItem, bytes | None]]:
    """Rows with the bodies they were frozen with, in their order; None where one cannot be opened any more."""
    keys = list(rows.order_by("position").values_list("pk", flat=True))
    for start in range(0, len(keys), CHUNK):
        chunk = list(PlanItem.objects.filter(pk__in=keys[start : start + CHUNK]).order_by("position"))
        found = {
            (one.item_id, one.revision): one for one in Payload.objects.filter(item__in=[row.item_id for row in chunk])
        }
        payloads = [found.get((row.item_id, row.revision)) for row in chunk]
        opened = vault.decrypt_many([(one.subject, bytes(one.sealed)) for one in payloads if one is not None])
        each = iter(opened)
        for row, payload in zip(chunk, payloads, strict=True):
            yield row, next(each) if payload is not None else None


def _mark_behind(plan: ReplayPlan) -> None:
    """What stands behind a payload of its record that waits for a person and does not go with the plan."""
    rows = PlanItem.objects.filter(plan=plan, finding="")
    first = first_undecided(plan.target_id, ~Exists(rows.filter(item=OuterRef("pk"))))
    if not first:
        return
    places = rows.exclude(item__lane=None).values_list("pk", "item__lane_id", "item__sequence")
    behind = [pk for pk, lane, sequence in places if sequence > first.get(lane, sequence)]
    for start in range(0, len(behind), CHUNK):
        PlanItem.objects.filter(pk__in=behind[start : start + CHUNK]).update(is_behind=True)


def first_undecided(target_id: int, which: Any = _ANY) -> dict[int | None, int]:
    """Of each record of a target, where the first payload stands that waits for a person."""
    rows = ReplayItem.objects.filter(which, target=target_id, state__in=_UNDECIDED, finished_at=None)
    return dict(rows.exclude(lane=None).order_by().values_list("lane").annotate(first=Min("sequence")))


def _mark_canary(plan: ReplayPlan) -> None:
    """The first rows of as many keys: the heads, so that none waits for a follower of another."""
    rows = PlanItem.objects.filter(plan=plan, finding="", is_behind=False).order_by("position")
    heads: list[int] = []
    seen: set[int | None] = set()
    if plan.canary_count:
        for pk, lane in rows.values_list("pk", "item__lane_id").iterator(chunk_size=CHUNK):
            if lane not in seen:
                heads.append(pk)
                seen.update({lane} - {None})
            if len(heads) >= plan.canary_count:
                break
    for start in range(0, len(heads), CHUNK):
        PlanItem.objects.filter(pk__in=heads[start : start + CHUNK]).update(is_canary=True)


def _sum_up(plan: ReplayPlan, left_out: dict[str, int]) -> None:
    rows = PlanItem.objects.filter(plan=plan)
    found = Counter(dict(rows.exclude(finding="").values_list("finding").annotate(count=Count("pk")).order_by()))
    going = rows.filter(finding="")
    counted = going.aggregate(
        items=Count("pk"),
        keys=Count("item__lane", distinct=True),
        single=Count("pk", filter=Q(item__lane=None)),
    )
    if not counted["items"]:
        raise InvalidInput("nothing", _nothing(left_out, found), field="selection")
    plan.item_count, plan.key_count = counted["items"], counted["keys"] + counted["single"]
    plan.left_out = {**left_out, **found}
    plan.is_critical = is_critical(plan)
    plan.content_hash = content_hash(plan)


def _nothing(left_out: dict[str, int], found: Counter[str]) -> str:
    counts = {**left_out, **found}
    if not counts:
        return "Nothing is selected."
    return f"Nothing of it can be sent: {', '.join(f'{count} {state}' for state, count in sorted(counts.items()))}."


def is_critical(plan: ReplayPlan) -> bool:
    """Whether a second person has to say so: a P0's target, or a payload of a P0."""
    automation = plan.target.automation
    if automation is not None and automation.tier == Tier.P0:
        return True
    return PlanItem.objects.filter(plan=plan, finding="", item__automation__tier=Tier.P0).exists()


def content_hash(plan: ReplayPlan) -> str:
    """What is approved: exactly these bodies, in whatever order they come from the database."""
    rows = PlanItem.objects.filter(plan=plan, finding="").order_by("position")
    fields = ("item_id", "revision", "sha256", "sent_sha256", "is_canary")
    digest = hashlib.sha256()
    for pk, revision, sha256, sent, is_canary in rows.values_list(*fields).iterator(chunk_size=10_000):
        digest.update(f"{pk} {revision} {sha256} {sent} {int(is_canary)}\n".encode())
    return digest.hexdigest()
