"""What a row may say about an automation, and what other inventories call it."""

from opsportal.imports.columns import Field

FIELDS = (
    Field("name", "Name", ("automation", "workflow", "workflow name", "zap", "title"), is_required=True),
    Field("slug", "Slug", ("id", "key", "identifier")),
    Field("team", "Team", ("department", "group")),
    Field("tier", "Tier", ("priority", "criticality")),
    Field("platform", "Platform", ("tool", "system", "app")),
    Field("owner", "Owner", ("owner email", "responsible", "assignee")),
    Field("backup_owner", "Backup", ("backup", "backup email", "deputy")),
    Field("accountable", "Accountable"),
    Field("trigger", "Started by", ("trigger type", "trigger kind")),
    Field("pattern", "Architecture", ("architecture pattern",)),
    Field("maturity", "Maturity"),
    Field("journeys", "Journeys (; between)", ("journey",)),
    Field("criticality_notes", "What stops when it stops", ("impact", "criticality notes", "business impact")),
    Field("what_it_does", "What it does", ("description", "purpose", "summary")),
    Field("what_it_touches", "What it touches", ("systems", "touches")),
    Field("how_to_pause", "How to pause it", ("pause",)),
    Field("retry_notes", "Retries and compensation", ("retries",)),
    Field("fallback", "Fallback", ("fallback mode",)),
    Field("cost_per_month", "Cost a month", ("cost", "monthly cost")),
    Field("cost_budget", "Guardrail a month", ("budget", "monthly budget")),
    Field("currency", "Currency"),
    Field("cost_owner", "Cost owner"),
    Field("grafana", "Grafana address", ("dashboard", "grafana url")),
    Field("runbook", "Runbook address", ("runbook url",)),
    Field("repository", "Repository address", ("repo", "repository url")),
    Field("state", "State (said, not read)"),
)
