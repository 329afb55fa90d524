"""What the tools and the automations cost a month."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse

from opsportal import clock
from opsportal.catalog import operations, upkeep
from opsportal.catalog.forms import CostLineForm
from opsportal.catalog.models import Automation, CostLine
from opsportal.catalog.views.access import form_page, may_add
from opsportal.identity.actors import actor_of, principal_of
from opsportal.identity.permissions import scope_required
from opsportal.web.actions import Done, post_action


@scope_required("catalog:read")
def costs_page(request: HttpRequest) -> HttpResponse:
    now, principal = clock.now(), principal_of(request)
    lines = list(CostLine.objects.on(now.date()))
    totals = upkeep.cost_totals(lines)
    priced = Automation.objects.visible_to(principal).exclude(state="retired").filter(cost_per_month__isnull=False)
    over = upkeep.over_budget(principal)
    context = {
        "title": "Costs",
        "lines": lines,
        "automations": list(priced.select_related("cost_owner").order_by("-cost_per_month")[:50]),
        "over": {each.pk for each in over},
        "sentence": _sentence(totals, over),
        "may_add": may_add(request),
    }
    return render(request, "catalog/costs.html", context)


def _sentence(totals: list[upkeep.CostTotal], over: list[Automation]) -> str:
    if not totals:
        return "No tool's price is noted yet."
    spent = " and ".join(f"{each.amount:,.0f} {each.currency}" for each in totals)
    if not over:
        return f"The tools cost {spent} a month, and no automation costs more than its guardrail."
    names = ", ".join(each.name for each in over[:3])
    return f"The tools cost {spent} a month; above their guardrail: {names}."


@scope_required("catalog:write")
def cost_new(request: HttpRequest) -> HttpResponse:
    initial = {"currency": "USD", "from_date": clock.now().date()}
    form = CostLineForm(request.POST if request.method == "POST" else None, initial=initial)

    def call(values: dict[str, Any], **who: Any) -> str:
        operations.add_cost_line(**values, **who)
        return ""

    sentence = "A new price of the same tool and purpose ends the former one that day."
    return form_page(
        request,
        form,
        call,
        title="Note a price",
        back_url=reverse("catalog:costs"),
        back_label="Costs",
        sentence=sentence,
        button="Note it",
    )


@scope_required("catalog:write")
@post_action
def cost_end(request: HttpRequest, row: int) -> Done:
    line = get_object_or_404(CostLine, pk=row, until_date=None)
    now = clock.now()
    operations.end_cost_line(line, until_date=now.date(), actor=actor_of(request), now=now)
    return Done(f"{line.tool} is no longer paid for.", url=reverse("catalog:costs"))
