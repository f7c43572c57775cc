"""What is recorded about the log itself."""

EVENTS = {"log.opened": "opened"}
