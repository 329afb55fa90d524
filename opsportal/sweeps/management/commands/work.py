"""`manage.py work`: the worker of a host. Any number of hosts may run it against one database."""

import logging
import os
import sys
import threading
from typing import Any

from django.core.management.base import BaseCommand

from opsportal.sweeps import processes
from opsportal.sweeps.supervisor import Supervisor


class Command(BaseCommand):
    help = "Run the worker: a supervised django-q2 cluster that is restarted when it hangs, until SIGTERM or Ctrl-C."

    def handle(self, *args: Any, **options: Any) -> None:
        processes.die_as_asked()
        if options["verbosity"]:
            logging.getLogger("opsportal.sweeps").setLevel(logging.INFO)
            self.stdout.write("The worker is running; Ctrl-C stops it.")
        Supervisor().run()
        if options["verbosity"]:
            self.stdout.write("The worker has stopped.")
        self._leave()

    def _leave(self) -> None:
        """Wait for no message that is still being sent: its lease ends, and it goes out again under the same key."""
        others = [thread for thread in threading.enumerate() if thread is not threading.main_thread()]
        if any(not thread.daemon for thread in others):
            sys.stdout.flush()
            os._exit(0)
