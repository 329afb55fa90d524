"""What no room of the API claims. Stands after every other address below /api/."""

from opsportal.api.routing import fallback

urlpatterns = [fallback()]
