"""What this area joins at start-up: sweeps, navigation, sentences of the trail, registries of lower rooms."""

from datetime import timedelta


def register() -> None:
    """Called once from AppConfig.ready."""
    from django.urls import reverse

    from opsportal.approvals import registry as approvals
    from opsportal.audit import addresses, sentences
    from opsportal.sweeps import registry as sweeps
    from opsportal.web import navigation
    from slos.policy import overrides
    from slos.policy.audit import SENTENCES
    from slos.policy.sweep import sweep_policies

    sentences.register(SENTENCES)
    addresses.register("policy", lambda slug: f"{reverse('policy:page')}#policy-{slug}")
    addresses.register("freeze", lambda key: reverse("policy:freeze", args=[key]))
    sweeps.register("policies", sweep_policies, every=timedelta(minutes=5))
    approvals.register(
        overrides.FREEZE_OVERRIDE,
        label="freeze override",
        on_approved=overrides.on_approved,
        look=overrides.look,
    )
    navigation.register("Services", "Budget policy", "policy:page", order=58, scope="slos:read")
