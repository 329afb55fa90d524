from django.urls import path

from opsportal.web import views

app_name = "web"
urlpatterns = [
    path("theme/", views.set_theme, name="theme"),
    path("styleguide/", views.style_guide, name="styleguide"),
    path("styleguide/<int:row>/", views.style_guide, name="styleguide_row"),
]
