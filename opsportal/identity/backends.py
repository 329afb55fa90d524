"""Who is signed in: Django's own backend, reading the person together with their team."""

from typing import Any

from django.contrib.auth.backends import ModelBackend

from opsportal.identity.models import Person


class PersonBackend(ModelBackend):
    def get_user(self, user_id: Any) -> Person | None:
        """As the parent, in one query: nearly every page asks for the team to know what may be seen."""
        person = Person.objects.select_related("team").filter(pk=user_id).first()
        return person if person and self.user_can_authenticate(person) else None
