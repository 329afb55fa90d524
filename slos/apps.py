from django.apps import AppConfig


class SlosConfig(AppConfig):
    name = "slos"
    verbose_name = "SLOs"

    def ready(self) -> None:
        from slos.alarms import wiring as alarms
        from slos.budgets import wiring as budgets
        from slos.exposition import wiring as exposition
        from slos.heartbeats import wiring as heartbeats
        from slos.objectives import wiring as objectives
        from slos.policy import wiring as policy
        from slos.reports import wiring as reports
        from slos.runs import wiring as runs

        for area in (runs, heartbeats, budgets, objectives, alarms, policy, reports, exposition):
            area.register()
