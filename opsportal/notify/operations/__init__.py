"""Writes of this room: telling people and subscribers, and what people do with deliveries, subscriptions, messages."""

from opsportal.notify.engine import Event, Notice
from opsportal.notify.operations.inbox import mark_all_read, mark_read, retry_delivery, set_preference
from opsportal.notify.operations.subscriptions import (
    change_subscription,
    create_subscription,
    disable_subscription,
    enable_subscription,
    rotate_subscription_secret,
)
from opsportal.notify.operations.telling import publish, publish_many, tell, tell_many

__all__ = [
    "Event",
    "Notice",
    "change_subscription",
    "create_subscription",
    "disable_subscription",
    "enable_subscription",
    "mark_all_read",
    "mark_read",
    "publish",
    "publish_many",
    "retry_delivery",
    "rotate_subscription_secret",
    "set_preference",
    "tell",
    "tell_many",
]
