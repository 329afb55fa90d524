"""What the queue joins at start-up: its sweep, sentences of the trail, the second person's part."""


def register() -> None:
    """Called once from AppConfig.ready."""
    from datetime import timedelta

    from opsportal.approvals import registry as approvals
    from opsportal.audit import addresses, erasers, sentences
    from opsportal.catalog import registry as catalog
    from opsportal.facts import registry as facts
    from opsportal.imports import registry as imports
    from opsportal.integrations import registry as integrations
    from opsportal.sweeps import registry as sweeps
    from opsportal.web import navigation
    from runbooks.models import ReplayFact
    from runbooks.models.facts import ReplayFactKind
    from runbooks.queue import dispatch, operations, queries, upkeep, watching
    from runbooks.queue.audit import SENTENCES
    from runbooks.queue.csv_import import KIND
    from runbooks.queue.inbound import KIND as N8N
    from runbooks.queue.operations import releasing

    sentences.register(SENTENCES)
    addresses.register("replay_item", lambda key: f"/replay/items/{key}/")
    approvals.register(releasing.APPROVAL_KIND, label="Replay by hand", on_approved=releasing.on_approved)
    navigation.register(
        "Services", "Replay", "replay:list", order=55, scope="replay:read", count=queries.list_undecided
    )
    catalog.register_dead_letters(queries.count_undecided_of, "/replay/?automation={slug}&state=undecided")
    imports.register(KIND)
    addresses.register("replay-items_import", lambda key: f"/replay/import/{key}/")
    integrations.register_kind(
        N8N, label="n8n failed payloads", path="/integrations/n8n-replay/{key}/payload/", signed=False
    )
    erasers.register("replay", operations.erase_subject, find=queries.find_subject, order=10)
    erasers.leave_to_people(
        "runbooks_runbook", "runbooks_runbookrevision", "runbooks_runbookstep",
        because="Runbooks are documents, their revisions bound by their hash. Publish one without the name.",
    )  # fmt: skip
    erasers.leave_to_people("runbooks_replaytarget", "runbooks_webhook", because="An address is changed by hand.")
    facts.register(ReplayFact, kinds=ReplayFactKind, tell=watching.tell)
    sweeps.register("replay", dispatch.sweep, every=timedelta(seconds=5))
    sweeps.register("housekeeping", upkeep.remove_payloads, every=timedelta(minutes=10))
    sweeps.register("housekeeping", upkeep.mend, every=timedelta(minutes=10))
    sweeps.register("facts", watching.watch, every=timedelta(minutes=5))
