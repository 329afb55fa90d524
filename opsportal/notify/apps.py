from datetime import timedelta

from django.apps import AppConfig


class NotifyConfig(AppConfig):
    name = "opsportal.notify"
    label = "notify"

    def ready(self) -> None:
        from opsportal.approvals import registry as approvals
        from opsportal.audit import sentences
        from opsportal.notify import housekeeping, queries, relay
        from opsportal.notify.approvals import tell_about
        from opsportal.notify.audit import SENTENCES
        from opsportal.sweeps import registry
        from opsportal.web import navigation

        sentences.register(SENTENCES)
        approvals.observe(tell_about)
        registry.register("outbox", relay.sweep, every=timedelta(seconds=5))
        registry.register("housekeeping", housekeeping.sweep, every=housekeeping.EVERY)
        navigation.register("Now", "Inbox", "notify:inbox", order=20, count=queries.list_unread)
        navigation.register("Organisation", "Deliveries", "notify:deliveries", order=940, scope="catalog:read")
        navigation.register("Organisation", "Webhooks", "notify:webhooks", order=941, scope="catalog:write")
