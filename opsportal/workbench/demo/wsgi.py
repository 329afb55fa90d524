"""The application as each web worker of the demo loads it: it dies with the server that started it."""

import os

from opsportal.sweeps import processes

processes.die_with_parent(os.getppid())

from opsportal.wsgi import application  # noqa: E402

__all__ = ["application"]
