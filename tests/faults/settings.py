"""The portal's settings, with a sweep of its own that is due each second: its age shows whether anybody sweeps."""

from opsportal.settings import *  # noqa: F403
from opsportal.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.faults.probe.apps.ProbeConfig"]
