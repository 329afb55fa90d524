"""WSGI entry point; served by granian in the demo and by any WSGI server in production."""

import gc
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "opsportal.settings")

application = get_wsgi_application()
gc.collect()
gc.freeze()  # what is loaded now stays: from here on the collector looks at what requests leave
