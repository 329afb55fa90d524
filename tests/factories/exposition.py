"""n8n servers and their payloads for tests; the payloads are recordings of a real n8n."""

import copy
import json
from pathlib import Path
from typing import Any

from opsportal.integrations.models import Integration
from opsportal.integrations.operations import create_integration
from tests.factories.identity import NOW, SETUP

RECORDED = Path(__file__).resolve().parents[1] / "slos" / "n8n"


def make_n8n(**fields: Any) -> Integration:
    made, _ = create_integration(kind="n8n", name=fields.pop("name", "n8n"), actor=SETUP, now=NOW, **fields)
    return made


def recorded(fixture: str, **workflow: Any) -> dict[str, Any]:
    """A payload as n8n sent it; `workflow` overrides its id and name."""
    payload = json.loads((RECORDED / f"{fixture}.json").read_text(encoding="utf-8"))
    payload["workflow"] |= workflow
    return copy.deepcopy(payload)
