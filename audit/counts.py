"""The log's figures for the console's header and home."""

ROWS = {"sealed": "SELECT tree_size, signed_at FROM audit_checkpoint ORDER BY tree_size DESC LIMIT 1"}
COUNTS = {"sealed": "sealed.tree_size", "signed_at": "sealed.signed_at"}
