from django.apps import AppConfig


class RunbooksConfig(AppConfig):
    name = "runbooks"
    verbose_name = "Runbooks and replay"

    def ready(self) -> None:
        from runbooks.executions import wiring as executions
        from runbooks.library import wiring as library
        from runbooks.plans import wiring as plans
        from runbooks.queue import wiring as queue
        from runbooks.remediation import wiring as remediation
        from runbooks.targets import wiring as targets
        from runbooks.webhooks import wiring as webhooks

        for area in (targets, webhooks, plans, queue, library, executions, remediation):
            area.register()
