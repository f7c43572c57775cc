"""ASGI entry point: `uvicorn cftapp.asgi:application`."""

import os
import warnings

from django.core.asgi import get_asgi_application

from cftapp.operations.limits import LimitedBodies

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cftapp.settings")

# WhiteNoise hands static files (a few kB) over as plain iterators, which Django reads whole: meant, and said once only.
warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous iterators")

application = LimitedBodies(get_asgi_application())
