"""Light, dark, or what the device prefers: kept in a cookie, set by a POST form, works before login too."""

from django.http import HttpRequest, HttpResponse

COOKIE = "theme"
YEAR = 365 * 24 * 3600
CHOICES = [("auto", "Match device"), ("light", "Light"), ("dark", "Dark")]
_VALUES = {value for value, _ in CHOICES}


def chosen(request: HttpRequest) -> str:
    """`auto`, `light` or `dark`; anything else in the cookie counts as auto."""
    value = request.COOKIES.get(COOKIE, "auto")
    return value if value in _VALUES else "auto"


def remember(request: HttpRequest, response: HttpResponse, value: str) -> None:
    """Keep a choice for a year; `auto` forgets it. Unknown values change nothing."""
    if value == "auto":
        response.delete_cookie(COOKIE, samesite="Lax")
    elif value in _VALUES:
        response.set_cookie(COOKIE, value, max_age=YEAR, samesite="Lax", httponly=True, secure=request.is_secure())
