"""Feedback's figures for the console's header and home."""

COUNTS = {
    "bugs": "(SELECT count(*) FROM feedback_bug WHERE state = 'open')",
    "sources": "(SELECT count(*) FROM feedback_source WHERE disabled_at IS NULL)",
    "api_keys": "(SELECT count(*) FROM feedback_apikey WHERE revoked_at IS NULL)",
}
