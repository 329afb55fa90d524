"""What this area joins at start-up: its kinds of steps, approvals, sentences, the library's registries."""


def register() -> None:
    """Called once from AppConfig.ready."""
    from opsportal.approvals import registry as approvals
    from opsportal.audit import addresses, sentences
    from runbooks.executions import asking, kinds, operations, outward_kinds, registry, replay_kinds, views
    from runbooks.executions.audit import SENTENCES
    from runbooks.library import registry as library

    kinds.register_all()
    outward_kinds.register_all()
    replay_kinds.register_all()
    sentences.register(SENTENCES)
    addresses.register("execution", lambda key: f"/runbooks/executions/{key}/")
    library.register_actions(registry.check_action)
    library.register_offer(views.offer)
    approvals.register(operations.STEP, label="step of a runbook", may_decide=asking.may_decide, look=asking.look)
