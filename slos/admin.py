"""The room in the admin: each area registers its own; facts are read-only."""

import slos.alarms.admin
import slos.heartbeats.admin
import slos.objectives.admin
import slos.policy.admin
import slos.runs.admin  # noqa: F401
