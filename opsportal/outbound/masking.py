"""Masking what must not stand in logs, messages and stored answers: mail addresses, telephone numbers, secrets."""

import re
from collections.abc import Iterable

MASK = "•••"
MAIL = re.compile(r"([A-Za-z0-9])[A-Za-z0-9._%+-]{0,63}@([A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8})")
TELEPHONE = re.compile(r"(?<![\w.:/-])\+?\(?\d[\d ()/-]{6,18}\d(?![\w.:/-])")
SECRETS = re.compile(
    r"(?:xox[a-z]-|whsec_|sk_|ghp_|glpat-|eyJ)[A-Za-z0-9_\-./+=]{6,}"
    r"|(?i:(?<=bearer )|(?<=basic ))[A-Za-z0-9_\-./+=~]{8,}"
    r"|hooks\.slack\.com/[A-Za-z0-9/_-]+"
)
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]+")


def mask(text: str) -> str:
    """The text with addresses, telephone numbers and tokens masked; the domain of an address stays readable."""
    text = SECRETS.sub(MASK, text)
    text = MAIL.sub(rf"\1{MASK}@\2", text)
    return TELEPHONE.sub(_telephone, text)


def excerpt(body: bytes, *, secrets: Iterable[str] = (), limit: int = 500) -> str:
    """The beginning of an answer, fit to be stored and shown: one line, masked, without the secrets that were sent."""
    text = body[: 4 * limit].decode("utf-8", "replace")
    for secret in filter(None, secrets):
        text = text.replace(secret, MASK)
    text = " ".join(CONTROLS.sub(" ", mask(text)).split())
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _telephone(match: re.Match[str]) -> str:
    digits = sum(character.isdigit() for character in match[0])
    looks_like_one = match[0].startswith(("+", "0", "(0")) and 7 <= digits <= 15
    return MASK if looks_like_one else match[0]
