"""Addresses of sign-in, people, teams, tokens and one's own account."""

from django.urls import include, path

from opsportal.identity.views import access, account, people, teams, tokens

pages = [
    path("people/", people.people, name="people"),
    path("people/add/", people.add_person, name="add_person"),
    path("people/<str:username>/", people.person, name="person"),
    path("people/<str:username>/edit/", people.edit_person, name="edit_person"),
    path("people/<str:username>/password/", people.set_password, name="set_password"),
    path("people/<str:username>/deactivate/", people.deactivate, name="deactivate"),
    path("people/<str:username>/reactivate/", people.reactivate, name="reactivate"),
    path("people/<str:username>/unlock/", people.unlock, name="unlock"),
    path("people/<str:username>/absences/add/", people.add_absence, name="add_absence"),
    path("people/<str:username>/absences/<int:absence_id>/end/", people.end_absence, name="end_absence"),
    path("teams/", teams.teams, name="teams"),
    path("teams/add/", teams.add_team, name="add_team"),
    path("teams/<slug:slug>/rename/", teams.rename_team, name="rename_team"),
    path("tokens/", tokens.tokens, name="tokens"),
    path("tokens/add/", tokens.add_token, name="add_token"),
    path("tokens/<int:pk>/", tokens.token, name="token"),
    path("tokens/<int:pk>/rotate/", tokens.rotate, name="rotate_token"),
    path("tokens/<int:pk>/revoke/", tokens.revoke, name="revoke_token"),
    path("account/", account.account, name="account"),
    path("account/profile/", account.edit_profile, name="edit_profile"),
    path("account/password/", account.change_password, name="change_password"),
    path("account/sessions/<str:name>/end/", account.end_session, name="end_session"),
    path("saved-filters/", account.save_filter, name="save_filter"),
    path("saved-filters/<int:pk>/delete/", account.delete_filter, name="delete_filter"),
]

urlpatterns = [
    path("login/", access.SignIn.as_view(), name="login"),
    path("logout/", access.sign_out, name="logout"),
    path("admin/login/", access.admin_door),
    path("admin/logout/", access.sign_out),
    path("", include((pages, "identity"))),
]
