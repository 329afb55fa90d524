from datetime import timedelta

from django.apps import AppConfig


class NotifyConfig(AppConfig):
    name = "opsportal.notify"
    label = "notify"

    def ready(self) -> None:
        from opsportal.approvals import registry as approvals
        from opsportal.audit import erasers, sentences
        from opsportal.notify import housekeeping, queries, relay
        from opsportal.notify.approvals import tell_about
        from opsportal.notify.audit import SENTENCES
        from opsportal.notify.erasing import erase_subject
        from opsportal.sweeps import registry
        from opsportal.web import navigation

        sentences.register(SENTENCES)
        approvals.observe(tell_about)
        erasers.register("notify", erase_subject, order=80)
        erasers.leave_to_people("notify_subscription", because="A subscription is changed by hand.")
        registry.register("outbox", relay.sweep, every=timedelta(seconds=5))
        registry.register("housekeeping", housekeeping.sweep, every=housekeeping.EVERY)
        navigation.register("Now", "Inbox", "notify:inbox", order=20, count=queries.list_unread)
        navigation.register("Organisation", "Deliveries", "notify:deliveries", order=940, scope="catalog:read")
        navigation.register("Organisation", "Webhooks", "notify:webhooks", order=941, scope="catalog:write")
