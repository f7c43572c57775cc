#!/usr/bin/env python
"""Django's command line. Without DATABASE_URL it talks to the embedded services under CFT_VAR."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cftapp.settings")
    from cftapp.local.embedded import adopt_environment

    adopt_environment(os.environ)
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
