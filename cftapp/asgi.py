"""ASGI entry point: `uvicorn cftapp.asgi:application`."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cftapp.settings")

application = get_asgi_application()
