"""What privacy joins at start-up: its part of an erasure, and what of lower rooms and libraries is left out."""


def register() -> None:
    """Called once from AppConfig.ready."""
    from opsportal.approvals import registry as approvals
    from opsportal.audit import addresses, erasers, sentences
    from opsportal.privacy import approving, columns, trail
    from opsportal.web import navigation

    approvals.register(
        approving.KIND, label="Erasure", on_approved=approving.on_approved, may_decide=approving.may_decide
    )
    approvals.observe(approving.forget)
    addresses.register("erasure", lambda key: f"/privacy/erasures/{key}/")
    navigation.register("Organisation", "Erasures", "privacy:list", order=945, scope="people:write")
    sentences.register({"person.erased": "{actor} and {extra[second]} erased the data subject {subject}."})
    erasers.register("texts", columns.erase_texts, order=90)
    erasers.register("trail", trail.erase_from_trail, order=95)
    erasers.leave_to_people("audit_entry", because="The trail is append-only; its keys name records, never people.")
    erasers.leave_to_people(
        "identity_person", "identity_team", because="An account of this portal: an admin closes it under People."
    )
    erasers.leave_to_people(
        "catalog_automation", "catalog_switch", "calendars_calendar", "calendars_calendarversion",
        "integrations_integration", "slos_heartbeat", "slos_slo", "slos_sloversion", "slos_policy",
        "slos_policyversion", because="A setting is changed by hand.",
    )  # fmt: skip
    erasers.pass_over("audit_detail", because="Blanked whole, by the trail.")
    erasers.pass_over("audit_seal", "audit_verification", because="Hashes and numbers of the trail.")
    erasers.pass_over("vault_subjectkey", because="Keyed hashes; a destroyed key loses its name.")
    erasers.pass_over("api_idempotentanswer", because="Closed under a key only the sender has; gone after 24 hours.")
    erasers.pass_over("api_window", because="Counters by credential.")
    erasers.pass_over("privacy_erasure.certificate", "privacy_erasure.subjects", because="Keyed hashes and counts.")
    erasers.pass_over(
        "django_q_task", "django_q_schedule", "django_q_ormq", because="The queue carries ids of our own rows alone."
    )
    erasers.pass_over("identity_browsersession", because="Signed, ends within twelve hours, holds ids.")
    erasers.pass_over("auth_permission", "auth_group", "django_content_type", because="Names of code.")
