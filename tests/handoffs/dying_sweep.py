"""A sweep in a process of its own that dies at a named point: `python -m tests.handoffs.dying_sweep POINT INSTANT`."""

import os
import signal
import sys
from collections.abc import Callable
from datetime import datetime
from typing import Any

# Name -> (module, function of that module, whether it dies before or after).
POINTS = {
    "after claiming": ("handoffs.sweep", "_claim_due", "after"),
    "before writing": ("handoffs.sweep", "_write", "before"),
    "after the firings": ("handoffs.bulk", "insert", "after"),
    "after the owners": ("handoffs.bulk", "update", "after"),
    "before the trail": ("opsportal.audit.operations", "record_many", "before"),
    "after the trail": ("opsportal.audit.operations", "record_many", "after"),
    "after the messages": ("opsportal.notify.operations", "tell_many", "after"),
    "before the commit": ("handoffs.sweep", "_write", "after"),
}


def die_at(point: str) -> None:
    import importlib

    module_name, name, when = POINTS[point]
    module = importlib.import_module(module_name)
    setattr(module, name, _dying(getattr(module, name), when))


def _dying(function: Callable[..., Any], when: str) -> Callable[..., Any]:
    def dies(*arguments: Any, **named: Any) -> Any:
        if when == "after":
            function(*arguments, **named)
        os.kill(os.getpid(), signal.SIGKILL)

    return dies


if __name__ == "__main__":
    import django

    django.setup()
    from handoffs.sweep import sweep_handoffs

    if sys.argv[1] in POINTS:
        die_at(sys.argv[1])
    instant = datetime.fromisoformat(sys.argv[2])
    print(sweep_handoffs(instant).fired)
