"""The application as each web worker of the demo loads it: it dies with the server that started it."""

import os

from django.core.wsgi import get_wsgi_application

from opsportal.sweeps import processes

processes.die_with_parent(os.getppid())
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "opsportal.settings")

application = get_wsgi_application()
