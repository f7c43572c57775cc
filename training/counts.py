"""Training's figures for the console's header and home."""

ROWS = {"last_run": "SELECT id, state FROM training_run ORDER BY id DESC LIMIT 1"}
COUNTS = {
    "untrained_dataset": """
        (SELECT max(d.id) FROM curation_dataset d
           WHERE d.learnt_from_withdrawn_at IS NULL AND d.contamination IS NULL
             AND NOT EXISTS (SELECT FROM training_run r WHERE r.dataset_id = d.id))
    """,
    "live_run": "(SELECT max(id) FROM training_run WHERE state = 'running')",
    "queued_runs": "(SELECT count(*) FROM training_run WHERE state = 'queued')",
    "last_run": "last_run.id",
    "last_run_state": "last_run.state",
}
WAITING = {
    "training": "SELECT count(*), extract(epoch FROM now() - min(queued_at)) FROM training_run WHERE state = 'queued'"
}
