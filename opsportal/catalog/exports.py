"""Exports of n8n as files."""

import json

from opsportal.catalog.engine.n8n import NotAWorkflow, Reading, read_export
from opsportal.errors import InvalidInput

MAX_BYTES = 10 * 1024 * 1024


def read_file(raw: bytes) -> list[Reading]:
    """The workflows of a file, stripped of their secrets. Raises InvalidInput at `file`."""
    if len(raw) > MAX_BYTES:
        raise InvalidInput("too_large", "A file has at most 10 MB.", field="file")
    try:
        return read_export(json.loads(raw))
    except NotAWorkflow as refusal:
        raise InvalidInput("no_workflow", str(refusal), field="file") from refusal
    except (ValueError, RecursionError) as error:
        raise InvalidInput("no_json", "This is no JSON of n8n.", field="file") from error
