"""Which channels this installation has, and the host each one talks to."""

from urllib.parse import urlsplit

from django.conf import settings

from opsportal.notify.engine import House
from opsportal.notify.states import Channel

SILENT_MAIL_BACKENDS = (
    "django.core.mail.backends.console.EmailBackend",
    "django.core.mail.backends.dummy.EmailBackend",
)


def house() -> House:
    """The personal channels that are set up: Slack with a bot token, mail with a backend that reaches somebody."""
    return House(slack_host=slack_host(), mail_host=mail_host())


def slack_host() -> str:
    return host_of(settings.SLACK_API_URL) if settings.SLACK_BOT_TOKEN else ""


def mail_host() -> str:
    if settings.EMAIL_BACKEND in SILENT_MAIL_BACKENDS:
        return ""
    return f"smtp:{settings.EMAIL_HOST}:{settings.EMAIL_PORT}"


def personal_host(channel: Channel) -> str:
    return slack_host() if channel is Channel.SLACK else mail_host()


def host_of(url: str) -> str:
    """`host:port` of an address; the unit that fails together."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return f"{parts.hostname}:{port}"
