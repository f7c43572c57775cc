"""What process roles may do with requests and counted attempts. Accounts themselves: `cftapp/grants.py`."""

GRANTS = {
    "web": {
        "accounts_request": "SELECT, INSERT, UPDATE(state, answered_by_id, answered_at, used_at)",
        "accounts_attempt": "SELECT, INSERT, UPDATE, DELETE",
    },
    "curator": {"accounts_attempt": "SELECT(since), DELETE"},  # forgets old ones, and sees whose none of them is
}
