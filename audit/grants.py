"""Who may append to the log (everybody, by function), read it (everybody) and seal it (the sealer)."""

TABLES = ("audit_event", "audit_edge", "audit_leaf", "audit_tile", "audit_checkpoint")

GRANTS = {
    "all": dict.fromkeys(TABLES, "SELECT"),
    "sealer": dict.fromkeys(("audit_leaf", "audit_tile", "audit_checkpoint"), "SELECT, INSERT"),
}
FUNCTIONS = {"all": ["audit_append(bytea)"]}
