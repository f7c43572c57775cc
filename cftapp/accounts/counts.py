"""What waits for a second admin, for home."""

COUNTS = {"account_requests": "(SELECT count(*) FROM accounts_request WHERE state = 'requested')"}
