"""The replay queue: what failed, in the order of its record keys, with every attempt and what was delivered."""

from typing import Any, Self

from django.db import models
from django.db.models import Q

from opsportal import ids
from opsportal.approvals.models import Approval
from opsportal.catalog.models import Automation
from opsportal.identity.models import Person
from opsportal.identity.queries import visible_teams
from runbooks.models.targets import ReplayTarget
from runbooks.states import FINAL, WAITING, ItemState

_LEASED = ItemState.LEASED.value
_FINAL, _WAITING = (sorted(one.value for one in some) for some in (FINAL, WAITING))


class Lane(models.Model):
    """The order of one record key at one target: a counter, and the row to lock before the lane's head changes."""

    target = models.ForeignKey(ReplayTarget, on_delete=models.CASCADE, related_name="lanes", db_index=False)
    record_key = models.CharField(max_length=200)
    last_sequence = models.BigIntegerField(default=0)

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["target", "record_key"], name="runbooks_one_lane")]

    def __str__(self) -> str:
        return self.record_key


class Release(models.Model):
    """That somebody let items go: who, why, how many, and the approval where a second person is needed.

    `kind` is resend (items by hand) or plan; `reference` names the plan. `content_hash` is what was approved,
    `url` where it may go: the target's address at that moment in one spelling (targets.addresses).
    """

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    target = models.ForeignKey(ReplayTarget, on_delete=models.PROTECT, related_name="releases")
    kind = models.CharField(max_length=10, choices=[("resend", "by hand"), ("plan", "by a plan")])
    reference = models.CharField(max_length=60, blank=True)
    requested_by = models.ForeignKey(Person, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    requester = models.CharField(max_length=150)  # the actor's key: a person's or a token's
    reason = models.CharField(max_length=500, blank=True)
    approval = models.OneToOneField(Approval, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    content_hash = models.CharField(max_length=64, blank=True)
    url = models.TextField(blank=True)  # empty only where it was let go before this was kept: it goes nowhere
    item_count = models.PositiveIntegerField()
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            models.Index(fields=["requester", "target", "created_at"], name="runbooks_release_hour"),
            models.Index(fields=["reference"], name="runbooks_release_ref"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.item_count}"


class ReplayItemQuerySet(models.QuerySet["ReplayItem"]):
    def visible_to(self, principal: Any) -> Self:
        """Items follow their automation; without one, their target."""
        if visible_teams(principal) is None:
            return self
        mine = Q(automation__in=Automation.objects.visible_to(principal))
        return self.filter(mine | Q(automation=None, target__in=ReplayTarget.objects.visible_to(principal)))

    def unfinished(self) -> Self:
        return self.filter(finished_at=None)


class ReplayItem(models.Model):
    """One failed payload. Of a lane only the first unfinished item is ever sent: it alone has a `due_at`, the rest
    wait behind it. `attempts` counts its chances, `tries` every request, probes of an open breaker too.

    `authority` seals what `release` let go (queue.authority): without it nothing leaves, whatever `state` says.
    """

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    target = models.ForeignKey(ReplayTarget, on_delete=models.PROTECT, related_name="items", db_index=False)
    lane = models.ForeignKey(
        Lane, null=True, blank=True, on_delete=models.PROTECT, related_name="items", db_index=False
    )
    sequence = models.BigIntegerField(default=0)
    automation = models.ForeignKey(
        Automation, null=True, blank=True, on_delete=models.PROTECT, related_name="replay_items", db_index=False
    )
    external_id = models.CharField(max_length=200, blank=True)
    record_key = models.CharField(max_length=200, blank=True)
    correlation_id = models.CharField(max_length=64, blank=True)
    source = models.CharField(max_length=60, blank=True)
    error_class = models.CharField(max_length=120, blank=True)
    error_message = models.CharField(max_length=500, blank=True)
    content_type = models.CharField(max_length=120)
    sha256 = models.CharField(max_length=64)
    size = models.PositiveIntegerField()
    revision = models.PositiveIntegerField(default=0)
    state = models.CharField(max_length=10, choices=[(one.value, one.value) for one in ItemState], default="held")
    attempts = models.PositiveIntegerField(default=0)
    tries = models.PositiveIntegerField(default=0)
    due_at = models.DateTimeField(null=True, blank=True)
    lease_token = models.UUIDField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    is_probe = models.BooleanField(default=False)
    release = models.ForeignKey(
        Release, null=True, blank=True, on_delete=models.PROTECT, related_name="items", db_index=False
    )
    authority = models.CharField(max_length=64, blank=True)
    last_error = models.CharField(max_length=240, blank=True)
    failed_at = models.DateTimeField()
    received_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    superseded_by = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    legal_hold = models.CharField(max_length=240, blank=True)

    objects = ReplayItemQuerySet.as_manager()

    class Meta:
        ordering = ["-received_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["lane", "sequence"], name="runbooks_item_place"),
            models.UniqueConstraint(
                fields=["target", "external_id"], condition=~Q(external_id=""), name="runbooks_item_external_id"
            ),
            models.UniqueConstraint(fields=["lane"], condition=Q(state=_LEASED), name="runbooks_one_sent_per_key"),
            models.CheckConstraint(
                condition=Q(state=_LEASED, lease_token__isnull=False, lease_until__isnull=False)
                | ~Q(state=_LEASED) & Q(lease_token=None, lease_until=None),
                name="runbooks_item_leased",
            ),
            models.CheckConstraint(
                condition=Q(due_at=None) | Q(state__in=_WAITING), name="runbooks_item_due_only_waiting"
            ),
            models.CheckConstraint(
                condition=Q(state__in=_FINAL, finished_at__isnull=False) | ~Q(state__in=_FINAL) & Q(finished_at=None),
                name="runbooks_item_finished",
            ),
        ]
        indexes = [
            models.Index(
                fields=["target", "state", "due_at"], name="runbooks_item_due", condition=Q(due_at__isnull=False)
            ),
            models.Index(fields=["lane", "sequence"], name="runbooks_item_head", condition=Q(finished_at=None)),
            models.Index(fields=["lease_until"], name="runbooks_item_lease", condition=Q(lease_until__isnull=False)),
            models.Index(fields=["target", "received_at"], name="runbooks_item_open", condition=Q(finished_at=None)),
            models.Index(fields=["release", "state"], name="runbooks_item_release"),
            models.Index(fields=["automation", "received_at"], name="runbooks_item_automation"),
            models.Index(fields=["received_at", "id"], name="runbooks_item_newest"),
            models.Index(fields=["correlation_id"], name="runbooks_item_trace"),
        ]

    def __str__(self) -> str:
        return self.external_id or str(self.pk)

    def get_absolute_url(self) -> str:
        return f"/replay/items/{self.pk}/"

    @property
    def webhook_id(self) -> str:
        """What the receiver tells doubles by: the item's id; of a transformed body with its revision."""
        return f"{self.pk}.r{self.revision}" if self.revision else str(self.pk)


class Payload(models.Model):
    """The bytes of one revision of an item, closed under its data subject's key; revision 0 is what came in."""

    item = models.ForeignKey(ReplayItem, on_delete=models.CASCADE, related_name="payloads", db_index=False)
    revision = models.PositiveIntegerField(default=0)
    subject = models.CharField(max_length=200)
    sealed = models.BinaryField()
    sha256 = models.CharField(max_length=64)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["item", "revision"]
        constraints = [models.UniqueConstraint(fields=["item", "revision"], name="runbooks_payload_revision")]
        indexes = [models.Index(fields=["subject"], name="runbooks_payload_subject")]

    def __str__(self) -> str:
        return f"{self.item_id} r{self.revision}"


class Attempt(models.Model):
    """One request, written before it is made. One without an end was cut off: nobody knows what became of it."""

    id = models.BigAutoField(primary_key=True)
    item = models.ForeignKey(ReplayItem, on_delete=models.CASCADE, related_name="log", db_index=False)
    number = models.PositiveIntegerField()
    lease_token = models.UUIDField()
    is_probe = models.BooleanField(default=False)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=60, blank=True)
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    answer = models.CharField(max_length=500, blank=True)
    duration_ms = models.PositiveIntegerField(null=True, blank=True)
    was_late = models.BooleanField(default=False)  # its lease had been taken over: what it says changed nothing

    class Meta:
        ordering = ["item", "number"]
        constraints = [models.UniqueConstraint(fields=["item", "number"], name="runbooks_attempt_number")]

    def __str__(self) -> str:
        return f"{self.item_id} {self.number}"

    @property
    def seconds(self) -> float | None:
        """From the connection to the end of the answer."""
        return None if self.duration_ms is None else self.duration_ms / 1000


class Delivered(models.Model):
    """The ledger: that a target has a payload, once per webhook-id by the schema. `how`: sent, already_there (the
    target said so), or by_person (somebody looked and said so).
    """

    id = models.BigAutoField(primary_key=True)
    target = models.ForeignKey(ReplayTarget, on_delete=models.PROTECT, related_name="ledger", db_index=False)
    webhook_id = models.CharField(max_length=60)
    item = models.ForeignKey(ReplayItem, on_delete=models.PROTECT, related_name="ledger")
    release = models.ForeignKey(Release, null=True, blank=True, on_delete=models.PROTECT, related_name="ledger")
    how = models.CharField(
        max_length=14,
        choices=[("sent", "sent"), ("already_there", "already there"), ("by_person", "said by a person")],
    )
    sha256 = models.CharField(max_length=64)
    at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "ledger"
        constraints = [models.UniqueConstraint(fields=["target", "webhook_id"], name="runbooks_delivered_once")]

    def __str__(self) -> str:
        return f"{self.webhook_id} {self.how}"
