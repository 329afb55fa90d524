from django.apps import AppConfig


class IdentityConfig(AppConfig):
    name = "opsportal.identity"
    label = "identity"

    def ready(self) -> None:
        from django.db.models.signals import post_migrate

        from opsportal.api import permissions as api
        from opsportal.audit import sentences
        from opsportal.identity import housekeeping, refusals
        from opsportal.identity.audit import SENTENCES
        from opsportal.identity.rights import grant_admin_rights
        from opsportal.identity.views.account import saved_filters
        from opsportal.sweeps import registry
        from opsportal.web import listing, navigation

        sentences.register(SENTENCES)
        api.observe_refusals(refusals.observe)
        listing.register_saved_filters(saved_filters)
        registry.register("housekeeping", housekeeping.sweep, every=housekeeping.EVERY)
        navigation.register("Organisation", "People", "identity:people", order=900, scope="people:read")
        navigation.register("Organisation", "Teams", "identity:teams", order=901, scope="people:read")
        navigation.register("Organisation", "Tokens", "identity:tokens", order=902, scope="people:write")
        post_migrate.connect(grant_admin_rights, dispatch_uid="identity.grant_admin_rights")
