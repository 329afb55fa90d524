from django.urls import include, path

from slos.budgets import views

figure_urls = [path("automations/<slug:slug>/figures/", views.figures_page, name="automation")]
urlpatterns = [path("", include((figure_urls, "figures")))]
