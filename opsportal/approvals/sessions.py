"""How fresh a session is: when its person last proved who they are."""

from datetime import datetime

from django.http import HttpRequest

REAUTHENTICATED = "reauthenticated_at"


def proved_at(request: HttpRequest) -> datetime | None:
    """By signing in, or by entering the password again. None for a program, which has no session."""
    session = getattr(request, "session", None)
    if session is None:
        return None
    proofs = [session[name] for name in ("began_at", REAUTHENTICATED) if session.get(name)]
    return max((datetime.fromisoformat(proof) for proof in proofs), default=None)
