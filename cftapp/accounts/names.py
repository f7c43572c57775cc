"""What people call an account that an event is about."""

BY_NUMBER = {"account": "SELECT id, username FROM auth_user WHERE id = ANY (%(account)s::bigint[])"}
