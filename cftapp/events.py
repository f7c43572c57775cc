"""What is recorded about the installation itself, and what pages call it."""

EVENTS = {"backup.restored": "restored"}
