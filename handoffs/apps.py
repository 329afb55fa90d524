from datetime import timedelta

from django.apps import AppConfig


class HandoffsConfig(AppConfig):
    name = "handoffs"

    def ready(self) -> None:
        from django.urls import reverse

        from handoffs import approvals as proposals
        from handoffs.audit import SENTENCES
        from handoffs.csv_import.kind import KIND
        from handoffs.facts import tell
        from handoffs.intake import receive_webhook
        from handoffs.models import Fact
        from handoffs.operations import adopt_calendar_version
        from handoffs.operations.change import SLA_CHANGE
        from handoffs.operations.rates import sweep_rates
        from handoffs.revisions import moved_deadlines
        from handoffs.states import FactKind
        from handoffs.sweep import sweep_handoffs
        from opsportal.approvals import registry as approvals
        from opsportal.audit import addresses, sentences
        from opsportal.calendars import registry as calendars
        from opsportal.facts import registry as facts
        from opsportal.imports import registry as imports
        from opsportal.integrations import registry as integrations
        from opsportal.sweeps import registry as sweeps
        from opsportal.web import navigation

        sentences.register(SENTENCES)
        addresses.register("handoff", lambda key: reverse("handoffs:detail", args=[key]))
        addresses.register("rule", lambda slug: reverse("rules:detail", args=[slug]))
        addresses.register("breach_reason", lambda slug: f"{reverse('review:reasons')}#reason-{slug}")
        self._follow_people()
        sweeps.register("handoffs", sweep_handoffs, every=timedelta(seconds=10))
        facts.register(Fact, kinds=FactKind, tell=tell)
        sweeps.register("facts", sweep_rates, every=timedelta(seconds=30))
        calendars.register_deadlines(moved_deadlines)
        calendars.register_activation(adopt_calendar_version)
        navigation.register("Work", "Handoffs", "handoffs:list", order=20, scope="handoffs:read")
        navigation.register("Work", "Hit rate", "rates:hit-rate", order=23, scope="handoffs:read")
        navigation.register("Work", "Rules", "rules:list", order=25, scope="handoffs:read")
        navigation.register("Work", "Weekly review", "review:review", order=27, scope="handoffs:read")
        imports.register(KIND)
        addresses.register("handoffs_import", lambda key: reverse("handoffs:import-batch", args=[key]))
        integrations.register_receiver("webhook", receive_webhook)
        approvals.register(
            SLA_CHANGE,
            label="another timer",
            on_approved=proposals.on_approved,
            may_decide=proposals.may_decide,
            look=proposals.look,
        )

    def _follow_people(self) -> None:
        """What is theirs when somebody leaves, and what is erased of a data subject."""
        from handoffs.erasing import erase_subject, find_subject
        from handoffs.queries.boards import list_owned
        from opsportal.audit import erasers
        from opsportal.identity import ownership

        ownership.register("handoffs", list_owned)
        erasers.register("handoffs", erase_subject, find=find_subject, order=10)
        erasers.leave_to_people(
            "handoffs_rule", "handoffs_ruleversion", "handoffs_breachreason", because="A rule is changed by hand."
        )
