"""Heartbeats: who should give a sign of life when, the signs, and the changes of what is known."""

from datetime import datetime
from typing import Any, Self
from uuid import UUID, uuid4

from django.db import models
from django.db.models import Case, Exists, F, Min, OuterRef, Q, Subquery, Value, When

from opsportal.catalog.models import SLUG, Automation
from opsportal.identity.models import Team
from opsportal.identity.queries import visible_teams
from opsportal.integrations.models import Integration
from slos.states import HeartbeatKind, HeartbeatStatus

NO_RID = UUID(int=0)


class PingProject(models.Model):
    """The keys of one integration of the kind `healthchecks` beside its own: `ping_key` stands in ping addresses with a
    slug, `readonly_key` reads the management API, `badge_key` stands in the addresses of badges.
    """

    integration = models.OneToOneField(
        Integration, on_delete=models.CASCADE, primary_key=True, related_name="ping_project"
    )
    ping_key = models.CharField(max_length=22, unique=True)
    readonly_key = models.CharField(max_length=32, unique=True)
    badge_key = models.UUIDField(unique=True, default=uuid4)

    class Meta:
        ordering = ["integration"]

    def __str__(self) -> str:
        return str(self.integration)


class HeartbeatQuerySet(models.QuerySet["Heartbeat"]):
    def with_runs(self) -> Self:
        """The same, each with `run_until`: the earliest deadline of the runs that have started, None without any."""
        runs = HeartbeatRun.objects.filter(heartbeat=OuterRef("pk")).order_by().values("heartbeat")
        return self.annotate(run_until=Subquery(runs.annotate(first=Min("deadline_at")).values("first")))

    def with_status(self, now: datetime) -> Self:
        """The same, each with `known`: its status at `now`, as slos.heartbeats.engine.status_at tells it."""
        silent = Q(status__in=("new", "up", "unknown"), down_at__lte=now)
        overdue = ~Q(status="down") & Q(
            Exists(HeartbeatRun.objects.filter(heartbeat=OuterRef("pk"), deadline_at__lte=now))
        )
        return self.annotate(
            known=Case(
                When(silent | overdue, then=Value("down")),
                When(status="up", due_at__lte=now, then=Value("late")),
                default=F("status"),
                output_field=models.CharField(),
            )
        )

    def visible_to(self, principal: Any) -> Self:
        teams = visible_teams(principal)
        if teams is None:
            return self
        of_automations = Q(automation__in=Automation.objects.visible_to(principal))
        return self.filter(of_automations | Q(automation=None, team=None) | Q(automation=None, team_id__in=teams))


class Heartbeat(models.Model):
    """An expectation: a ping every `timeout_seconds`, or at the instants of `schedule` in `timezone`, give or take
    `grace_seconds`. `code` stands in its address and is a secret; `due_at` is when the next ping is expected, `down_at`
    when its silence becomes an outage (due + grace): the one instant that the sweep looks at. Before the first ping
    both are set as soon as its automation is in service.
    """

    slug = models.CharField(max_length=100, validators=[SLUG], unique=True)
    name = models.CharField(max_length=100, blank=True)
    code = models.UUIDField(unique=True, default=uuid4)  # of version 4: 122 random bits
    badge_key = models.UUIDField(unique=True, default=uuid4)
    # What the protocol calls the slug: several may share one, and it may be empty.
    ping_slug = models.CharField(max_length=100, blank=True)
    automation = models.ForeignKey(
        Automation, null=True, blank=True, on_delete=models.PROTECT, related_name="heartbeats"
    )
    # Each ping writes every index of this table anew (`down_at` is in one), so there are no more than are read.
    team = models.ForeignKey(
        Team, null=True, blank=True, on_delete=models.PROTECT, related_name="heartbeats", db_index=False
    )
    integration = models.ForeignKey(
        Integration, null=True, blank=True, on_delete=models.PROTECT, related_name="heartbeats", db_index=False
    )
    kind = models.CharField(max_length=10, choices=[(one.value, one.value) for one in HeartbeatKind], default="simple")
    timeout_seconds = models.PositiveIntegerField(default=86_400)
    grace_seconds = models.PositiveIntegerField(default=3_600)
    schedule = models.CharField(max_length=1000, blank=True)
    timezone = models.CharField(max_length=60, default="UTC")
    max_runtime_seconds = models.PositiveIntegerField(null=True, blank=True)
    start_deadline_seconds = models.PositiveIntegerField(null=True, blank=True)
    min_items = models.PositiveIntegerField(null=True, blank=True)
    max_pings_per_hour = models.PositiveIntegerField(null=True, blank=True)
    tags = models.CharField(max_length=500, blank=True)
    description = models.TextField(max_length=2000, blank=True)
    options = models.JSONField(default=dict, blank=True)  # filters, methods, manual resume, as the protocol names them
    status = models.CharField(max_length=10, choices=[(one.value, one.value) for one in HeartbeatStatus], default="new")
    last_ping_at = models.DateTimeField(null=True, blank=True)
    last_start_at = models.DateTimeField(null=True, blank=True)
    last_duration_ms = models.BigIntegerField(null=True, blank=True)
    due_at = models.DateTimeField(null=True, blank=True)
    down_at = models.DateTimeField(null=True, blank=True)
    unknown_since = models.DateTimeField(null=True, blank=True)
    ping_count = models.BigIntegerField(default=0)
    missed_count = models.PositiveIntegerField(default=0)
    # The minute and the hour in hand, and since when there were more pings than `max_pings_per_hour`.
    minute_at = models.DateTimeField(null=True, blank=True)
    minute_count = models.PositiveIntegerField(default=0)
    hour_at = models.DateTimeField(null=True, blank=True)
    hour_count = models.PositiveIntegerField(default=0)
    runaway_since = models.DateTimeField(null=True, blank=True)
    # Counted up by every write: a ping decides by what it has read and commits only if nobody else wrote meanwhile.
    version = models.BigIntegerField(default=0)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    objects = HeartbeatQuerySet.as_manager()

    class Meta:
        ordering = ["slug"]
        indexes = [
            models.Index(fields=["down_at"], name="slos_heartbeat_down", condition=Q(down_at__isnull=False)),
            models.Index(fields=["integration", "ping_slug"], name="slos_heartbeat_slug"),
            models.Index(
                fields=["runaway_since"], name="slos_heartbeat_runaway", condition=Q(runaway_since__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.slug


class HeartbeatRun(models.Model):
    """A run between its start ping and its end: each run id has its own deadline; pings without one share NO_RID."""

    heartbeat = models.ForeignKey(Heartbeat, on_delete=models.CASCADE, related_name="running", db_index=False)
    rid = models.UUIDField(default=NO_RID)
    started_at = models.DateTimeField()
    deadline_at = models.DateTimeField()

    class Meta:
        ordering = ["started_at"]
        constraints = [models.UniqueConstraint(fields=["heartbeat", "rid"], name="slos_heartbeat_run")]
        indexes = [models.Index(fields=["deadline_at"], name="slos_heartbeat_deadline")]

    def __str__(self) -> str:
        return f"{self.heartbeat} {self.rid}"


class Ping(models.Model):
    """A sign of life as it came. `n` counts within the heartbeat; `kind` is success, start, fail, log or ign."""

    id = models.BigAutoField(primary_key=True)
    heartbeat = models.ForeignKey(Heartbeat, on_delete=models.CASCADE, related_name="pings", db_index=False)
    n = models.BigIntegerField()
    kind = models.CharField(max_length=8)
    at = models.DateTimeField()
    rid = models.UUIDField(null=True, blank=True)
    exit_status = models.SmallIntegerField(null=True, blank=True)
    duration_ms = models.BigIntegerField(null=True, blank=True)
    items = models.BigIntegerField(null=True, blank=True)
    scheme = models.CharField(max_length=8, blank=True)
    method = models.CharField(max_length=10, blank=True)
    user_agent = models.CharField(max_length=200, blank=True)
    remote_address = models.GenericIPAddressField(null=True, blank=True)
    body = models.BinaryField(null=True, blank=True)
    trace_id = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["heartbeat", "n"], name="slos_ping_n")]

    def __str__(self) -> str:
        return f"{self.heartbeat} {self.n} {self.kind}"

    @property
    def seconds(self) -> float | None:
        """How long the run took that it ended."""
        return None if self.duration_ms is None else self.duration_ms / 1000


class Flip(models.Model):
    """A change of what is known of a heartbeat."""

    heartbeat = models.ForeignKey(Heartbeat, on_delete=models.CASCADE, related_name="flips", db_index=False)
    at = models.DateTimeField()
    from_status = models.CharField(max_length=10)
    to_status = models.CharField(max_length=10)
    reason = models.CharField(max_length=120, blank=True)
    since = models.DateTimeField()  # by the clock: when a missed ping was due, when the automation was paused
    reported_at = models.DateTimeField(null=True, blank=True)  # when a sweep told it upwards as a fact

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["heartbeat", "at"], name="slos_flip_at"),
            models.Index(fields=["id"], name="slos_flip_unreported", condition=Q(reported_at=None)),
        ]

    def __str__(self) -> str:
        return f"{self.heartbeat} {self.from_status} -> {self.to_status}"
