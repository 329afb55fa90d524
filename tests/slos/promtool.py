"""Prometheus's own checker. Where it is missing its tests say "not run", and fail when CI is set.

.ci/run installs it, or says PROMTOOL=absent where that is impossible.
"""

import os
import shutil
import subprocess
from typing import Any

import pytest

PROMTOOL = shutil.which("promtool")
MAY_BE_ABSENT = os.environ.get("PROMTOOL") == "absent" or not os.environ.get("CI")

needs_promtool = pytest.mark.skipif(
    PROMTOOL is None and MAY_BE_ABSENT, reason="promtool absent, not run (Debian: apt-get install prometheus)"
)


def promtool(*arguments: str, stdin: str = "", **options: Any) -> "subprocess.CompletedProcess[str]":
    assert PROMTOOL, "CI is set and promtool is missing: apt-get install prometheus"
    return subprocess.run(
        [PROMTOOL, *arguments], input=stdin, capture_output=True, text=True, timeout=60, check=False, **options
    )
