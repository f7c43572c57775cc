"""What people call an account. Like `cftapp/grants.py`, it speaks for Django's own tables."""

ACTORS = "SELECT 'user:' || id, username FROM auth_user"
