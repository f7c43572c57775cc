"""How a model learns: torch only, files in and files out; no Django, no database, no credentials.

Importing this package loads no torch; its modules do where they need it.
"""
