"""Who may read feedback (those who screen and curate it) and who may add to it (the web process)."""

TABLES = (
    "feedback_source",
    "feedback_subject",
    "feedback_interaction",
    "feedback_consententry",
    "feedback_consentwording",
    "feedback_bugreport",
    "feedback_tastenote",
    "feedback_correction",
    "feedback_comment",
    "feedback_receipt",
)

GRANTS = {
    "web": {
        **dict.fromkeys(TABLES, "SELECT, INSERT"),
        "feedback_source": "SELECT, INSERT, UPDATE (title, held_out_percent, disabled_at)",
        "feedback_subjectaccount": "SELECT, INSERT",
        "feedback_bug": "SELECT, INSERT, UPDATE (state, note, changed_at)",
        "feedback_apikey": "SELECT, INSERT, UPDATE (revoked_at)",
        # Not a record of anything: replies are forgotten after a while.
        "feedback_idempotentreply": "SELECT, INSERT, DELETE",
    },
    "curator": dict.fromkeys(TABLES, "SELECT"),
    "screener": dict.fromkeys(TABLES, "SELECT"),
}

CONSENT_FUNCTION = "consent_in_force(uuid, text, timestamptz)"
FUNCTIONS = {role: [CONSENT_FUNCTION] for role in ("web", "curator", "screener")}
