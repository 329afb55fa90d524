"""What a row may say about a handoff, and what exports of Salesforce, HubSpot and others call it."""

from opsportal.imports.columns import Field

FIELDS = (
    Field(
        "subject", "Subject",
        ("title", "name", "full name", "lead", "lead name", "deal name", "opportunity name", "case subject",
         "company account", "company", "company name", "account name"),
        is_required=True,
    ),
    Field(
        "external_ref", "Reference",
        ("reference", "ref", "lead id", "record id", "record id contact", "record id deal", "contact id", "deal id",
         "opportunity id", "case id", "case number", "ticket id", "18 digit id", "crm id", "id"),
    ),
    Field(
        "started_at", "Started",
        ("started", "start", "create date", "created date", "created at", "createdate", "created", "created on",
         "date created", "lead created date", "date time opened", "submitted at", "received at", "became a lead date"),
        is_instant=True,
    ),
    Field(
        "owner", "Owner",
        ("lead owner", "contact owner", "deal owner", "opportunity owner", "case owner", "record owner", "owner name",
         "owner email", "owner full name", "hubspot owner", "assigned to", "assignee", "sales rep"),
    ),
    Field("backup_owner", "Backup", ("backup", "backup email", "deputy")),
    Field(
        "assigned_at", "Assigned",
        ("assigned", "assigned date", "owner assigned date", "contact owner assigned date", "assignment date"),
        is_instant=True,
    ),
    Field(
        "first_response_at", "First response",
        ("first response", "first response date", "first responded at", "responded at", "first contacted at",
         "first contact date", "first outreach date", "first call date time", "date of first engagement",
         "first activity date", "date of first sales activity", "first touch"),
        is_instant=True,
    ),
    Field(
        "completed_at", "Completed",
        ("completed", "completed date", "completion date", "date time closed", "resolved at", "closed at", "done at"),
        is_instant=True,
    ),
    Field("cancelled_at", "Cancelled", ("canceled at", "cancelled", "disqualified at"), is_instant=True),
    Field("cancel_reason", "Why cancelled", ("cancellation reason", "disqualified reason", "unqualified reason")),
    Field("outcome", "Outcome", ("result", "disposition")),
    Field("breach_reason", "Why it ran late", ("reason late", "late reason")),
    Field("sla_minutes", "Timer in minutes", ("sla", "timer", "sla minutes", "timer minutes")),
    Field(
        "channel", "Channel",
        ("lead source", "original source", "original traffic source", "latest source", "case origin", "origin"),
    ),
    Field("icp", "ICP", ("icp tier", "ideal customer profile tier", "icp segment", "segment", "tier")),
    Field("amount", "Amount", ("deal amount", "opportunity amount", "value", "deal value", "expected revenue")),
    Field("url", "Link to its home", ("link", "record url", "crm url", "record link")),
    Field("source", "Sending system"),
    Field("trace_id", "Trace id", ("correlation id",)),
    Field("attributes", "Attributes (JSON)"),
    Field("rule", "Rule (must be the chosen one)"),
    Field("handoff", "Its id in this portal", ("handoff id",)),
)  # fmt: skip
