"""What people and subscribers are told, and what became of it. Rows here are written in the transaction of the decision
they announce; sending happens afterwards (relay.py)."""

from typing import cast

from django.conf import settings
from django.db import models
from django.db.models import Q

from opsportal.ids import new_id
from opsportal.notify.states import CHANNEL_WORDS, WAITING, WORDS, Channel, DeliveryState


class Message(models.Model):
    """One thing one person is told; it is their inbox item too. `key` is unique: telling twice changes nothing.

    `about` names the data subject it speaks of (an id), so that erasing one finds its words.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    key = models.CharField(max_length=200, unique=True)
    recipient = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="messages")
    topic = models.CharField(max_length=60)
    title = models.CharField(max_length=200)
    body = models.TextField(blank=True)
    url = models.CharField(max_length=500, blank=True)
    team = models.CharField(max_length=60, blank=True)
    about = models.CharField(max_length=150, blank=True)
    trace_id = models.CharField(max_length=64)
    urgent = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    read_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["recipient", "-created_at"], name="notify_message_inbox"),
            models.Index(
                fields=["recipient"],
                name="notify_message_unread",
                condition=Q(read_at=None),
            ),
            models.Index(fields=["trace_id"], name="notify_message_trace"),
            models.Index(fields=["about"], name="notify_message_about", condition=~Q(about="")),
        ]

    def __str__(self) -> str:
        return self.title


class Subscription(models.Model):
    """Somebody outside who wants to hear of events whose type matches one of `events` (patterns: handoff.*).

    `secret` is ciphertext of the vault: the signing secret, or for Slack's incoming webhooks the address itself,
    of which `url` then shows only the host. While a rotation overlaps, both secrets sign.
    """

    class Kind(models.TextChoices):
        WEBHOOK = Channel.WEBHOOK.value, CHANNEL_WORDS[Channel.WEBHOOK]
        SLACK_WEBHOOK = Channel.SLACK_WEBHOOK.value, CHANNEL_WORDS[Channel.SLACK_WEBHOOK]

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    kind = models.CharField(max_length=15, choices=Kind, default=Kind.WEBHOOK)
    name = models.CharField(max_length=120)
    url = models.CharField(max_length=500)
    host = models.CharField(max_length=260)
    events = models.JSONField()
    team = models.ForeignKey(
        "identity.Team",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="subscriptions",
    )
    secret = models.BinaryField()
    previous_secret = models.BinaryField(null=True, blank=True)
    previous_until = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="subscriptions",
    )
    created_at = models.DateTimeField()
    disabled_at = models.DateTimeField(null=True, blank=True)
    disabled_reason = models.CharField(max_length=240, blank=True)

    class Meta:
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name

    @property
    def enabled(self) -> bool:
        return self.disabled_at is None

    def hears(self, team: str) -> bool:
        """A subscription of a team hears of its events and of those of no team; one without a team hears of all."""
        return self.team is None or team in ("", self.team.slug)


class PublishedEvent(models.Model):
    """One event that at least one subscription matched. `key` is unique, and what receivers tell repeats by."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    key = models.CharField(max_length=200, unique=True)
    type = models.CharField(max_length=80)
    data = models.JSONField()
    team = models.CharField(max_length=60, blank=True)
    about = models.CharField(max_length=150, blank=True)
    trace_id = models.CharField(max_length=64)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["trace_id"], name="notify_event_trace"),
            models.Index(fields=["about"], name="notify_event_about", condition=~Q(about="")),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.key}"


class Delivery(models.Model):
    """One message or event on its way over one channel to one destination.

    `host` groups what fails together (the breaker, fairness between destinations). `lane` is what must stay in order:
    one person on one channel, one record at one subscription; `place` is the order in it, urgent first, then as told.

    `next_attempt_at` is when a relay may take it: for a leased row that is the end of its lease. `lease` fences: only
    the relay that holds this token records the result. `attempts` are counted when they begin, `failures` when they end
    badly, so that a relay that is killed uses up none of a delivery's chances; `tries_since` is its first attempt, or
    the first after a person started it again. What waits is asked for by `finished_at` alone: SQLite uses a partial
    index only for such terms.
    """

    key = models.CharField(max_length=240, unique=True)
    channel = models.CharField(max_length=15, choices=list(CHANNEL_WORDS.items()))
    message = models.ForeignKey(
        Message,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="deliveries",
    )
    event = models.ForeignKey(
        PublishedEvent,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="deliveries",
    )
    recipient = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="deliveries",
    )
    subscription = models.ForeignKey(
        Subscription,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="deliveries",
    )
    destination = models.CharField(max_length=500)
    host = models.CharField(max_length=260)
    lane = models.CharField(max_length=300)
    place = models.CharField(max_length=33)
    team = models.CharField(max_length=60, blank=True)
    urgent = models.BooleanField(default=False)
    state = models.CharField(
        max_length=12,
        choices=list(WORDS.items()),
        default=DeliveryState.PENDING,
    )
    attempts = models.PositiveSmallIntegerField(default=0)
    failures = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField()
    tries_since = models.DateTimeField(null=True, blank=True)
    next_attempt_at = models.DateTimeField()
    lease = models.UUIDField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=240, blank=True)
    merged_into = models.ForeignKey("self", null=True, blank=True, on_delete=models.CASCADE, related_name="merged")

    class Meta:
        verbose_name_plural = "deliveries"
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(message=None) ^ Q(event=None),
                name="notify_delivery_message_or_event",
            ),
            models.CheckConstraint(
                condition=Q(state=DeliveryState.LEASED, lease__isnull=False)
                | (~Q(state=DeliveryState.LEASED) & Q(lease=None)),
                name="notify_delivery_lease_only_while_leased",
            ),
            models.CheckConstraint(
                condition=Q(state__in=WAITING, finished_at=None)
                | (~Q(state__in=WAITING) & Q(finished_at__isnull=False)),
                name="notify_delivery_finished_has_time",
            ),
        ]
        indexes = [
            models.Index(
                fields=["host", "place", "next_attempt_at"],
                name="notify_delivery_due",
                condition=Q(finished_at=None),
            ),
            models.Index(
                fields=["lane", "place"],
                name="notify_delivery_lane",
                condition=Q(finished_at=None),
            ),
            models.Index(fields=["state", "-id"], name="notify_delivery_log"),
        ]

    def __str__(self) -> str:
        return f"{self.channel} {self.key} ({self.state})"

    @property
    def trace_id(self) -> str:
        return self.message.trace_id if self.message else self.published.trace_id

    @property
    def published(self) -> PublishedEvent:
        """The event of a delivery to a subscription."""
        return cast(PublishedEvent, self.event)

    @property
    def subscribed(self) -> Subscription:
        """Who asked to hear of the event."""
        return cast(Subscription, self.subscription)

    def messages(self) -> list[Message]:
        """What a delivery to a person says: its message, and those merged into it, oldest first."""
        merged = self.merged.select_related("message").order_by("place")
        return [one.message for one in (self, *merged) if one.message is not None]


class Attempt(models.Model):
    """One try, written and committed before the network is touched; without `finished_at` nobody knows how it ended.

    A `probe` tries a destination whose breaker is open; it does not count against the delivery.
    """

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="log")
    lease = models.UUIDField(unique=True)
    probe = models.BooleanField(default=False)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=60, blank=True)
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    answer = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"attempt at {self.started_at:%Y-%m-%d %H:%M:%S}"


class Destination(models.Model):
    """How one host has been answering: a circuit breaker, open while `opened_at` is set, to be tried at `probe_at`."""

    host = models.CharField(max_length=260, primary_key=True)
    failures = models.PositiveIntegerField(default=0)
    opened_at = models.DateTimeField(null=True, blank=True)
    openings = models.PositiveIntegerField(default=0)
    probe_at = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=240, blank=True)
    last_success_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["host"]
        constraints = [
            models.CheckConstraint(
                condition=Q(opened_at=None, probe_at=None) | Q(opened_at__isnull=False, probe_at__isnull=False),
                name="notify_destination_open_has_probe",
            )
        ]

    def __str__(self) -> str:
        return self.host


class Preference(models.Model):
    """How a person wants to be reached; empty = the house's choice (Slack, else mail)."""

    person = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="preference",
    )
    slack = models.BooleanField(null=True, blank=True)
    mail = models.BooleanField(null=True, blank=True)

    def __str__(self) -> str:
        return f"how to reach {self.person}"
