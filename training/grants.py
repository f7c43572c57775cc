"""Who may touch runs. The trainer reads what was frozen and owns a run's progress; the web asks, stops and resumes."""

ASKED = "state, queued_at, ended_at, cancel_requested_at, attempt, error"
TRAINED = (
    "state, lease_owner, lease_expires_at, fencing_token, attempt, cancel_requested_at, started_at, ended_at, error, "
    "manifest, manifest_sha256, adapter_sha256, step, total_steps, result, vault_refusal"
)

GRANTS = {
    "web": {"training_run": f"SELECT, INSERT, UPDATE({ASKED})"},
    "trainer": {
        "training_run": f"SELECT, UPDATE({TRAINED})",
        "curation_dataset": "SELECT",
        "curation_datasetrow": "SELECT",
        "curation_pair": "SELECT(id, state, prompt, chosen, rejected, conversation, chosen_message, rejected_message, "
        "correction_id, screened_epoch)",
        "curation_replayrow": "SELECT",
        # Whether a row became part of an exam since it was frozen: yes or no, never of which item.
        "curation_registryepoch": "SELECT",
        "curation_case": "SELECT(id, correction_id)",
        "curation_blocker": "SELECT(id, case_id, check_name, blocking)",
    },
    "evaluator": {"training_run": "SELECT", "curation_dataset": "SELECT"},
    "curator": {"training_run": "SELECT, UPDATE(learnt_from_withdrawn_at)", "curation_dataset": "SELECT"},
}
FUNCTIONS: dict[str, list[str]] = {}
