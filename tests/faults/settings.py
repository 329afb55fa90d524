"""The portal's settings, with a sweep of its own that is due each second: its age shows whether anybody sweeps."""

import os
import time

from opsportal.settings import *  # noqa: F403
from opsportal.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.faults.probe.apps.ProbeConfig"]

# A machine so busy that a cluster (nobody else has a lane of beats) takes long to start.
if "OPSPORTAL_BEAT_LANE" in os.environ:
    time.sleep(float(os.environ.get("FAULT_START_TAKES_SECONDS", "0")))
