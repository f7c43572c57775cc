"""What people call the rows of serving."""

BY_NUMBER = {"release": "SELECT id, 'v' || number FROM serving_release WHERE id = ANY (%(release)s::bigint[])"}
