"""Addresses of the catalogue's pages."""

from django.urls import include, path

from opsportal.catalog.views import acts, automations, changes, costs, tier, upkeep, workflows
from opsportal.imports import urls as imports

app_name = "catalog"
ONE = "automations/<slug:slug>/"
urlpatterns = [
    path("automations/", automations.automation_list, name="automations"),
    path("automations/", automations.automation_list, name="list"),
    path("automations/new/", automations.automation_new, name="automation_new"),
    path("automations/n8n/", workflows.upload, name="n8n"),
    path("automations/n8n/<int:row>/", workflows.preview, name="n8n_preview"),
    path("automations/n8n/<int:row>/confirm/", workflows.confirm, name="n8n_confirm"),
    path("automations/releases/", changes.releases_page, name="releases"),
    path("automations/costs/", costs.costs_page, name="costs"),
    path("automations/costs/new/", costs.cost_new, name="cost_new"),
    path("automations/costs/<int:row>/end/", costs.cost_end, name="cost_end"),
    path("automations/", include(imports.patterns("automations"))),
    path(ONE, automations.automation_page, name="automation"),
    path(f"{ONE}edit/", automations.automation_edit, name="automation_edit"),
    path(f"{ONE}edit/<slug:part>/", automations.automation_edit_part, name="edit_part"),
    path(f"{ONE}activate/", automations.automation_activate, name="automation_activate"),
    path(f"{ONE}do/<slug:name>/", acts.act, name="act"),
    path(f"{ONE}tier/", tier.tier_page, name="tier"),
    path(f"{ONE}changes/", changes.changes_page, name="changes"),
    path(f"{ONE}releases/plan/", changes.release_plan, name="release_plan"),
    path(f"{ONE}releases/new/", changes.release_new, name="release_new"),
    path(f"{ONE}releases/<int:row>/cancel/", changes.release_cancel, name="release_cancel"),
    path(f"{ONE}switches/new/", changes.switch_new, name="switch_new"),
    path(f"{ONE}switches/<slug:switch>/", changes.switch_flip, name="switch_flip"),
    path(f"{ONE}upkeep/", upkeep.upkeep_page, name="upkeep"),
    path(f"{ONE}checklists/", upkeep.tick, name="tick"),
    path(f"{ONE}credentials/new/", upkeep.credential_new, name="credential_new"),
    path(f"{ONE}credentials/<int:row>/", upkeep.credential_edit, name="credential"),
    path(f"{ONE}credentials/<int:row>/retire/", upkeep.credential_retire, name="credential_retire"),
]
