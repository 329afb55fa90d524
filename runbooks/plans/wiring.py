"""What plans join at start-up: their part of the replay sweep, the second person's part, sentences of the trail."""


def register() -> None:
    """Called once from AppConfig.ready, before the queue's: what a plan lets go leaves in the same round."""
    from datetime import timedelta

    from opsportal.approvals import registry as approvals
    from opsportal.audit import addresses, sentences
    from opsportal.sweeps import registry as sweeps
    from runbooks.plans import approving, sweep
    from runbooks.plans.audit import SENTENCES
    from runbooks.plans.operations.asking import KIND

    sentences.register(SENTENCES)
    addresses.register("replay_plan", lambda key: f"/replay/plans/{key}/")
    approvals.register(
        KIND,
        label="Replay plan",
        on_approved=approving.on_approved,
        may_decide=approving.may_decide,
        look=approving.look,
    )
    approvals.observe(approving.observe)
    sweeps.register("replay", sweep.advance, every=timedelta(seconds=5))
