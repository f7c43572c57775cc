"""Who may touch what is judged: the evaluator works through gates, the web asks for them, the curator reads."""

WORKED = (
    "state, lease_owner, lease_expires_at, fencing_token, attempt, cancel_requested_at, started_at, ended_at, error, "
    "verdict, answers, total_answers"
)
EVERYTHING = (
    "evaluation_benchmark",
    "evaluation_benchmarkversion",
    "evaluation_gate",
    "evaluation_gate_versions",
    "evaluation_gateresult",
    "evaluation_proposal",
    "evaluation_waiver",
    "evaluation_weakitem",
)

GRANTS = {
    "web": dict.fromkeys(EVERYTHING, "SELECT")
    | {
        "evaluation_gate": "SELECT, INSERT",
        "evaluation_gate_versions": "SELECT, INSERT",
        "evaluation_proposal": "SELECT, INSERT, UPDATE(state, decision, decided_by_id, decided_at, settled_at)",
        "evaluation_waiver": "SELECT, INSERT, UPDATE(confirmed_by_id, confirmed_at)",
    },
    "curator": dict.fromkeys(EVERYTHING, "SELECT"),
    "evaluator": {
        "evaluation_benchmark": "SELECT, INSERT",
        "evaluation_benchmarkversion": "SELECT, INSERT",
        "evaluation_gate": f"SELECT, INSERT, UPDATE({WORKED})",
        "evaluation_gate_versions": "SELECT, INSERT",
        "evaluation_gateresult": "SELECT, INSERT",
        "evaluation_proposal": "SELECT, UPDATE(state, reasons, version_id, reverse_check_id, settled_at)",
        "evaluation_waiver": "SELECT",
        "evaluation_weakitem": "SELECT, INSERT",
        "curation_registryepoch": "SELECT, INSERT",
        # New items are compared with stored rows: asked for here, done by the screener. Ids and scores, no row's words.
        "curation_reversecheck": "SELECT, INSERT",
        "curation_reversematch": "SELECT",
        "curation_screeningpolicy": "SELECT",
        "curation_labelledscores": "SELECT, INSERT",
        # Whether a candidate learnt a row that is part of the exam it would sit.
        "curation_datasetrow": "SELECT",
        "curation_pair": "SELECT(id, correction_id, screened_epoch)",
        "curation_replayrow": "SELECT(id, screened_epoch, overlaps)",
        "curation_case": "SELECT(id, correction_id)",
        "curation_blocker": "SELECT(id, case_id, check_name, blocking)",
    },
}
FUNCTIONS: dict[str, list[str]] = {}
