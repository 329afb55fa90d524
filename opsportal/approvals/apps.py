from datetime import timedelta

from django.apps import AppConfig


class ApprovalsConfig(AppConfig):
    name = "opsportal.approvals"
    label = "approvals"

    def ready(self) -> None:
        from django.urls import reverse

        from opsportal.approvals import queries, sweep
        from opsportal.approvals.audit import SENTENCES
        from opsportal.approvals.erasing import erase_subject
        from opsportal.audit import addresses, erasers, sentences
        from opsportal.sweeps import registry
        from opsportal.web import navigation

        sentences.register(SENTENCES)
        addresses.register("approval", lambda key: reverse("approvals:approval", args=[key]))
        erasers.register("approvals", erase_subject)
        registry.register("facts", sweep.close, every=timedelta(seconds=10))
        navigation.register("Now", "Approvals", "approvals:list", order=30, count=queries.count_to_decide)
