"""The room in the admin: each area registers its own; facts are read-only."""

import runbooks.executions.admin
import runbooks.library.admin
import runbooks.plans.admin
import runbooks.queue.admin
import runbooks.remediation.admin
import runbooks.targets.admin
import runbooks.webhooks.admin  # noqa: F401
