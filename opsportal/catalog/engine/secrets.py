"""What looks like a secret in a text, and the text without it. Errs on the side of finding one."""

import math
import re
from collections import Counter

MASK = "•••"
# Formats that are keys and nothing else: Slack, GitHub, Stripe, AWS, Google, SendGrid, HubSpot, OpenAI, JWT, PEM.
KNOWN = re.compile(
    r"xox[abeprs]-[\w-]{10,}|hooks\.slack\.com/services/[\w/]{20,}|gh[pousr]_\w{20,}|github_pat_\w{20,}"
    r"|\b[spr]k_(?:live|test)_\w{10,}|\bAKIA[0-9A-Z]{16}\b|\bAIza[\w-]{35}|\bya29\.[\w-]{20,}"
    r"|\bSG\.[\w-]{16,}\.[\w-]{16,}|\bpat-(?:na|eu)\d-[\w-]{20,}|\bsk-[\w-]{20,}|\bwhsec_[\w+/=]{16,}"
    r"|\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*|-----BEGIN [A-Z ]*PRIVATE KEY-----"
)
BEARER = re.compile(r"\b(?:Bearer|Basic|Token)\s+([\w.~+/=-]{8,})", re.IGNORECASE)
IN_ADDRESS = re.compile(
    r"[?&](?:api_?key|apikey|key|token|access_token|auth|secret|password|sig|signature)=([^&\s\"'{}]{6,})",
    re.IGNORECASE,
)
LOGIN_IN_ADDRESS = re.compile(r"://[^/\s:@]+:([^/\s@{}]{3,})@")
ASSIGNED = re.compile(
    r"(?:api[_-]?key|secret|token|passw(?:or)?d|authorization)[\"']?\s*[:=]\s*[\"']([^\"'{}\s]{8,})[\"']", re.IGNORECASE
)
# Names of headers and fields whose value is a secret whatever it looks like.
SECRET_NAME = re.compile(
    r"^(?:authorization|proxy-authorization|cookie|x-.*(?:key|token|secret)|.*api[_-]?key|apikey|.*secret.*|.*passw(?:or)?d"
    r"|.*token|private[_-]?key|client[_-]?secret)$",
    re.IGNORECASE,
)
PATTERNS = (KNOWN, BEARER, IN_ADDRESS, LOGIN_IN_ADDRESS, ASSIGNED)
PLACEHOLDERS = re.compile(
    r"^(?:your|my|xxx|<|\*{3}|changeme|example|todo|placeholder|\$\{|undefined|null)", re.IGNORECASE
)


def find_secret(text: str, name: str = "") -> str:
    """The first thing in `text` that looks like a secret, or an empty string. `name`: of the field it stands in."""
    if not text or len(text) > 200_000:
        return ""
    for pattern in PATTERNS:
        for match in pattern.finditer(text):
            found = match[match.lastindex or 0]
            if not PLACEHOLDERS.match(found):
                return found
    if name and SECRET_NAME.match(name) and is_literal(text) and len(text.strip()) >= 6:
        return text.strip()
    return ""


def is_literal(text: str) -> bool:
    """Not an expression of n8n, which is worked out when it runs, nor a placeholder."""
    return not text.startswith("=") and "{{" not in text and not PLACEHOLDERS.match(text.strip())


def masked(secret: str) -> str:
    """Enough to find it again, nothing to use: its first three characters and its length."""
    return f"{secret[:3]}{MASK} ({len(secret)} characters)" if len(secret) >= 12 else MASK


def looks_random(text: str) -> bool:
    """A reference names a place; 20 or more characters without a separator that read like noise are a key itself."""
    word = text.strip()
    if len(word) < 20 or re.search(r"[\s/:.@]", word) or not re.search(r"\d", word) or not re.search(r"[A-Za-z]", word):
        return False
    counts = Counter(word)
    entropy = -sum(n / len(word) * math.log2(n / len(word)) for n in counts.values())
    return entropy > 3.5
