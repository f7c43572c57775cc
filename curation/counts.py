"""Curation's figures for the console's header and home."""

# Cases are opened in the order in which feedback comes, so what has none yet came with the newest case or after it.
ROWS = {
    "opened": """
        SELECT coalesce(c.created_at, b.created_at, t.created_at, o.created_at) - interval '5 minutes' AS since
        FROM (SELECT * FROM curation_case ORDER BY id DESC LIMIT 1) newest
        LEFT JOIN feedback_correction c ON c.id = newest.correction_id
        LEFT JOIN feedback_bugreport b ON b.id = newest.bug_report_id
        LEFT JOIN feedback_tastenote t ON t.id = newest.taste_note_id
        LEFT JOIN feedback_comment o ON o.id = newest.comment_id
    """,
}
KINDS = {
    "correction": "feedback_correction",
    "bug_report": "feedback_bugreport",
    "taste_note": "feedback_tastenote",
    "comment": "feedback_comment",
}
MOST = 10_000


def without_a_case(kind: str, table: str) -> str:
    """How much feedback of a kind has no case yet, at most MOST."""
    return f"""
        (SELECT count(*) FROM (
           SELECT FROM {table} f WHERE f.created_at > coalesce(opened.since, '-infinity')
             AND NOT EXISTS (SELECT FROM curation_case k WHERE k.{kind}_id = f.id) LIMIT {MOST}) AS capped)
    """


COUNTS = {
    "caseless": " + ".join(without_a_case(kind, table) for kind, table in KINDS.items()),
    "screening": "(SELECT count(*) FROM curation_case WHERE state = 'waiting')",
    "to_triage": "(SELECT count(*) FROM curation_case WHERE state = 'open')",
    "pairs": "(SELECT count(*) FROM curation_pair WHERE state = 'accepted')",
    "new_pairs": """
        (SELECT count(*) FROM curation_pair WHERE state = 'accepted'
           AND accepted_at > coalesce((SELECT max(frozen_at) FROM curation_dataset), '-infinity'))
    """,
    "overrides": "(SELECT count(*) FROM curation_override WHERE state = 'requested')",
    "datasets": "(SELECT count(*) FROM curation_dataset)",
    # The lessons to learn from next time: marked until a dataset without such rows is frozen.
    "marked_lessons": """
        (SELECT id FROM (SELECT * FROM curation_dataset ORDER BY id DESC LIMIT 1) newest
           WHERE learnt_from_withdrawn_at IS NOT NULL OR contamination IS NOT NULL)
    """,
    "marked_datasets": "(SELECT count(*) FROM curation_dataset WHERE learnt_from_withdrawn_at IS NOT NULL)",
    "check_alerts": "(SELECT count(*) FROM curation_inquiryalert WHERE settled_at IS NULL)",
}

# What waits for the screener, and for how many seconds: see `cftapp.operations.metrics`.
WAITING = {
    "screening": """
        SELECT count(*), extract(epoch FROM now() - min(opened_at)) FROM curation_case WHERE state = 'waiting'
    """,
    "inquiries": """
        SELECT count(*), extract(epoch FROM now() - min(asked_at)) FROM curation_inquiry WHERE state = 'waiting'
    """,
    "batches": """
        SELECT count(*), extract(epoch FROM now() - min(queued_at)) FROM curation_batchscreening WHERE state = 'queued'
    """,
}
