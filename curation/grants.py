"""Who may screen (the screener alone), who may review and freeze (people, through the web), who may only read.

The web process cannot touch a finding or the epoch a case was screened under: no verdict can be made to fit. The
curator worker reviews and freezes nothing: what it marks is in serving's grants.
"""

REVIEW = "state, leased_by_id, lease_expires_at, claimed_at, verdict, decided_by_id, decided_at, lead_seconds"
PEOPLE = {
    "curation_registryepoch": "SELECT",
    "curation_screeningpolicy": "SELECT, INSERT",
    "curation_labelledscores": "SELECT",
    "curation_case": f"SELECT, UPDATE ({REVIEW})",
    "curation_blocker": "SELECT",
    "curation_duplicate": "SELECT",
    "curation_pair": "SELECT, INSERT, UPDATE (state, accepted_by_id, accepted_at, screened_epoch)",
    "curation_replayrow": "SELECT, INSERT",
    "curation_dataset": "SELECT, INSERT, UPDATE (learnt_from_withdrawn_at)",
    "curation_datasetrow": "SELECT, INSERT",
    "curation_reversecheck": "SELECT",
    "curation_reversematch": "SELECT",
    "curation_override": "SELECT, INSERT, UPDATE (state, settled_by_id, settled_at, note)",
}

# An inquiry: the web takes the question, the screener answers it, and whoever is awake forgets what was not answered.
ASKING = {
    "curation_inquiry": "SELECT, INSERT",
    "curation_inquiryalert": "SELECT, UPDATE (settled_by_id, settled_at)",
}
REPLY = "state, prompt, answer, answered_at, verdict, method, score, limit, item_id, benchmark, epoch, spans, text_code"
ANSWERING = {
    "curation_inquiry": f"SELECT, UPDATE ({REPLY})",
    "curation_inquirysketch": "SELECT, INSERT, DELETE",
    "curation_inquiryalert": "SELECT, INSERT",
}

# A batch: people queue it, the screener works on it.
QUEUEING = {"curation_batchscreening": "SELECT, INSERT", "curation_batchpart": "SELECT"}
OUTCOME = "state, input_sha256, rows, epoch, blocked, unread, report_sha256, error, ended_at"
WORKING = {
    "curation_batchscreening": f"SELECT, UPDATE ({OUTCOME})",
    "curation_batchpart": "SELECT, INSERT, UPDATE",
}

GRANTS = {
    "web": PEOPLE | ASKING | QUEUEING,
    "curator": {"curation_inquiry": "SELECT (id, state, asked_at), UPDATE (state, prompt, answer)"},
    "screener": {
        "curation_registryepoch": "SELECT",
        "curation_screeningpolicy": "SELECT",
        "curation_case": "SELECT, INSERT, UPDATE (state, screened_at, screened_epoch, text_hash)",
        "curation_blocker": "SELECT, INSERT, UPDATE, DELETE",
        "curation_signature": "SELECT, INSERT, UPDATE",
        "curation_duplicate": "SELECT, INSERT, DELETE",
        "curation_pair": "SELECT, UPDATE (state, screened_epoch)",
        "curation_replayrow": "SELECT, UPDATE (screened_epoch, overlaps, overlaps_with, tokens, tokenizer)",
        # Whether a row that became an exam is frozen already, and what new items were compared with.
        "curation_datasetrow": "SELECT (id, dataset_id, pair_id, replay_row_id)",
        "curation_reversecheck": (
            "SELECT, UPDATE (state, last_case, last_replay_row, rows, same_template, finished_at, error)"
        ),
        "curation_reversematch": "SELECT, INSERT",
        **ANSWERING,
        **WORKING,
    },
}

# Whether people have overridden a finding: yes or no, for those who must not read why.
COVERED = "curation_covered(bigint, text)"
# Whether every row of a dataset may still be learnt: a number, and nobody's words.
WITHDRAWN = ["curation_hold_consent(bigint)", "curation_withdrawn_rows(bigint)"]
FUNCTIONS = {
    "screener": ["curation_origin(uuid)", COVERED],
    # Which finding can be overridden at all.
    "web": [COVERED, "curation_found(text, jsonb)", *WITHDRAWN],
    **dict.fromkeys(("trainer", "evaluator"), [COVERED, *WITHDRAWN]),
    "curator": [COVERED, "curation_contamination()"],
}
