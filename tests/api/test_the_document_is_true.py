"""Requests made up from the OpenAPI document, right and wrong ones: every answer is one that the document tells of.

SCHEMA_EXAMPLES sets how many are tried for each operation, beyond those that walk every limit of every value.
"""

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import settings as hypothesis_settings
from schemathesis.checks import CHECKS, load_all_checks

from opsportal.api import docs
from opsportal.wsgi import application
from tests.factories import identity as make

pytestmark = [pytest.mark.slow, pytest.mark.django_db]

# That all right-looking data be taken cannot be told in a schema: names must exist, absences end after they start.
load_all_checks()
EXCLUDED = [CHECKS.get_one("positive_data_acceptance")]
# A stream of lines is taken whatever it holds, and so is a list; each line is answered for itself.
TAKES_LISTS = {"/api/v1/runs/", "/api/v1/events/", "/api/v1/replay/items/"}
OF_LINES = [*EXCLUDED, CHECKS.get_one("negative_data_rejection")]


@schemathesis.serializer("application/x-ndjson")
def lines(_context: Any, value: Any) -> bytes:
    """Whatever is made up, as a stream of lines."""
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text.encode("utf-8", "surrogatepass")


schema = schemathesis.openapi.from_dict(docs.document())
schema.app = application


@pytest.fixture
def token(settings) -> Iterator[str]:
    """A token without a limit; the connection stays open between requests, as in Django's own test client."""
    settings.API_WRITES_PER_MINUTE = 1_000_000_000
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield make.make_token()[1]
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@schema.parametrize()
@hypothesis_settings(max_examples=int(os.environ.get("SCHEMA_EXAMPLES", "5")))
def test_every_answer_is_one_the_document_tells_of(case, token):
    is_list = case.operation.path in TAKES_LISTS and isinstance(case.body, list)
    excluded = OF_LINES if case.media_type == "application/x-ndjson" or is_list else EXCLUDED
    case.call_and_validate(headers=make.bearer(token), excluded_checks=excluded)
