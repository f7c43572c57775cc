"""Database rights on releases: the curator's tasks create and mark them, people move the champion through the web."""

MARK = "SELECT, UPDATE (learnt_from_withdrawn_at, contamination)"
READ = "SELECT"

GRANTS = {
    "web": {
        "serving_release": "SELECT, INSERT",
        "serving_promotion": "SELECT, INSERT",
        "serving_rollbackwaiver": "SELECT, INSERT, UPDATE (confirmed_by_id, confirmed_at)",
        # Not a record of anything: answers are forgotten after a day.
        "serving_idempotentanswer": "SELECT, INSERT, UPDATE, DELETE",
    },
    "curator": {
        "serving_release": f"{MARK}, INSERT",
        "serving_promotion": READ,
        "serving_idempotentanswer": "SELECT (id, api_key_id, created_at), DELETE",  # forgets old answers
        "training_run": MARK,
        "curation_dataset": MARK,
        "curation_datasetrow": READ,
        "curation_pair": "SELECT, UPDATE (state)",
        "evaluation_gate": "SELECT, UPDATE (contamination)",
        "curation_registryepoch": READ,
        "feedback_subject": READ,
        "feedback_consententry": READ,
    },
    "evaluator": {"serving_release": READ, "serving_promotion": READ},
    "trainer": {"serving_release": READ, "serving_promotion": READ},
    "beat": {"serving_release": READ, "serving_promotion": READ},
}
