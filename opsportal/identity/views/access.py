"""Signing in and out. The answer never tells whether an account exists."""

from typing import Any

from django.contrib.auth import logout
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import LoginView, redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render, resolve_url
from django.utils.crypto import salted_hmac
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_POST

from opsportal import clock
from opsportal.identity import operations
from opsportal.identity.addresses import client_address
from opsportal.identity.forms import SignInForm
from opsportal.identity.middleware import begin
from opsportal.identity.models import Person


@method_decorator(login_not_required, name="dispatch")
class SignIn(LoginView):
    """`next` leads back to where somebody came from, on this site only."""

    template_name = "identity/login.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True

    def form_valid(self, form: Any) -> HttpResponse:
        response = super().form_valid(form)
        now = clock.now()
        begin(self.request, now)
        operations.record_sign_in(form.get_user(), address=client_address(self.request), now=now)
        return response

    def form_invalid(self, form: Any) -> HttpResponse:
        if not getattr(self.request, "axes_locked_out", False):
            username = str(form.data.get("username", ""))[:150]
            operations.record_failed_sign_in(username, address=client_address(self.request), now=clock.now())
        response = super().form_invalid(form)
        response.status_code = 422
        return response


def locked(request: HttpRequest, response: Any, credentials: dict[str, Any] | None) -> HttpResponse:
    """What django-axes answers in place of any sign-in while an account or an address is locked."""
    username = str((credentials or {}).get("username", ""))[:150]
    operations.record_lock(username, address=client_address(request), now=clock.now())
    locked_page = render(request, "identity/locked.html", {"title": "Wait a while"}, status=429)
    locked_page["Retry-After"] = "900"
    return locked_page


def account_key(request: HttpRequest, credentials: dict[str, Any] | None) -> str:
    """The name django-axes counts attempts under: the account, or a keyed hash of a name that is none.

    What was typed is not kept, because people type passwords into that field; and a made-up name is locked like a real
    one, so the lock tells nobody which is which.
    """
    typed = str((credentials or {}).get("username", "") or request.POST.get("username", ""))[:150]
    person = Person.objects.filter(username__iexact=typed).first() if "\x00" not in typed else None
    if person is not None:
        return person.username
    return f"unknown:{salted_hmac('opsportal.identity.unknown', typed.casefold()).hexdigest()[:32]}"


@login_not_required
def admin_door(request: HttpRequest) -> HttpResponse:
    """One way in: the admin's own form would know neither the lock's page nor the trail."""
    if request.user.is_authenticated:  # the admin sends people without the role here, and sign-in would send them back
        raise PermissionDenied("The admin is for people with the Admin role.")
    return redirect_to_login(request.GET.get("next") or "/admin/")


@login_not_required
@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    if isinstance(request.user, Person):
        operations.record_sign_out(request.user, reason="", now=clock.now())
    logout(request)
    return HttpResponseRedirect(resolve_url("login"))
