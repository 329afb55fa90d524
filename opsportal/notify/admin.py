"""Facts of this room, to be looked at. Subscriptions are made on their own page, which checks and encrypts."""

from django.contrib import admin

from opsportal.notify.models import Attempt, Delivery, Destination, Message, PublishedEvent, Subscription
from opsportal.web.admin import ReadOnlyAdmin


@admin.register(Message)
class MessageAdmin(ReadOnlyAdmin):
    list_display = ("title", "recipient", "topic", "urgent", "created_at", "read_at")
    list_filter = ("topic", "urgent")
    search_fields = ("title", "key", "trace_id")
    list_select_related = ("recipient",)
    show_full_result_count = False


@admin.register(PublishedEvent)
class PublishedEventAdmin(ReadOnlyAdmin):
    list_display = ("type", "key", "team", "created_at")
    list_filter = ("type",)
    search_fields = ("key", "trace_id")
    show_full_result_count = False


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    list_display = ("key", "channel", "host", "state", "attempts", "created_at", "finished_at", "last_error")
    list_filter = ("state", "channel")
    search_fields = ("key",)
    exclude = ("destination", "lane")
    show_full_result_count = False


@admin.register(Attempt)
class AttemptAdmin(ReadOnlyAdmin):
    list_display = ("delivery", "started_at", "finished_at", "outcome", "status", "probe")
    list_select_related = ("delivery",)
    show_full_result_count = False


@admin.register(Destination)
class DestinationAdmin(ReadOnlyAdmin):
    list_display = ("host", "failures", "opened_at", "probe_at", "last_success_at", "last_error")


@admin.register(Subscription)
class SubscriptionAdmin(ReadOnlyAdmin):
    list_display = ("name", "kind", "host", "team", "created_at", "disabled_at")
    list_filter = ("kind",)
    exclude = ("secret", "previous_secret")
