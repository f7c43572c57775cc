"""Fixtures of the running stack and of the browser (being written)."""
