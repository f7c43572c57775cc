"""Who may read feedback (those who screen and curate it) and who may add to it (the web process)."""

WORDS = (
    "feedback_source",
    "feedback_subject",
    "feedback_interaction",
    "feedback_consententry",
    "feedback_bugreport",
    "feedback_tastenote",
    "feedback_correction",
    "feedback_comment",
    "feedback_receipt",
)

GRANTS = {
    "web": {
        **dict.fromkeys(WORDS, "SELECT, INSERT"),
        "feedback_source": "SELECT, INSERT, UPDATE (title, held_out_percent, disabled_at)",
        "feedback_apikey": "SELECT, INSERT, UPDATE (revoked_at)",
        # Not a record of anything: replies are forgotten after a while.
        "feedback_idempotentreply": "SELECT, INSERT, DELETE",
    },
    "curator": dict.fromkeys(WORDS, "SELECT"),
    "screener": dict.fromkeys(WORDS, "SELECT"),
}

CONSENT = "consent_in_force(uuid, text, timestamptz)"
FUNCTIONS = {role: [CONSENT] for role in ("web", "curator", "screener")}
