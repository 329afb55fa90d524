"""Composites: their parts, and what follows from the parts' budgets and burn rates by weight."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from opsportal.catalog.registry import is_read
from slos.budgets.engine import Budget, Burn, Case, Composed, Tally, compose, window_of
from slos.models import Slo, SloPart
from slos.states import SliKind


def parts_of(slos: Iterable[Slo]) -> list[SloPart]:
    """The parts of the composites among them. Composites of composites are not followed: their parts have no data."""
    composites = [one for one in slos if one.kind == SliKind.COMPOSITE]
    if all(is_read(one, "parts") for one in composites):
        return [part for one in composites for part in one.parts.all()]
    return list(SloPart.objects.filter(composite__in=[one.pk for one in composites]).select_related("part"))


def compose_budgets(
    slos: Iterable[Slo], parts: Sequence[SloPart], known: Mapping[int, Budget], at: datetime
) -> dict[int, Budget]:
    """The budgets of the composites among the SLOs, from those of their parts, each over the part's own window."""
    return {one.pk: _compose(one, parts, known, at) for one in slos if one.kind == SliKind.COMPOSITE}


def _compose(slo: Slo, parts: Sequence[SloPart], known: Mapping[int, Budget], at: datetime) -> Budget:
    mine = [
        Composed(Fraction(part.weight), known[part.part_id])
        for part in parts
        if part.composite_id == slo.pk and part.part_id in known
    ]
    watermark = min((one.budget.watermark for one in mine), default=at)
    window = window_of(slo, watermark if slo.window_kind == "rolling" else at)
    return compose(mine, Case(slo.target, slo.method, window, at, watermark, Tally(), True, False))


def burn_of_parts(parts: Sequence[tuple[Decimal, Burn]]) -> Burn:
    """The weighted mean over the parts that have a rate."""
    known = [(Fraction(weight), one) for weight, one in parts if one.exact is not None]
    if not known:
        return Burn(0, 0)
    total = sum((weight for weight, _ in known), Fraction())
    exact = sum((weight * (one.exact or 0) for weight, one in known), Fraction()) / total
    return Burn(sum(one.valid for _, one in known), sum(one.bad for _, one in known), given=exact)
