"""Serving's figures for the console's header and home."""

ROWS = {
    "champion": """
        SELECT p.release_id, p.promoted_at, r.number, r.learnt_from_withdrawn_at, r.contamination
        FROM serving_promotion p JOIN serving_release r ON r.id = p.release_id ORDER BY p.id DESC LIMIT 1
    """,
}
COUNTS = {
    "promotable": """
        (SELECT count(*) FROM serving_release r WHERE r.run_id IS NOT NULL
           AND NOT EXISTS (SELECT FROM serving_promotion p WHERE p.release_id = r.id)
           AND r.id > coalesce(champion.release_id, 0)
           AND r.learnt_from_withdrawn_at IS NULL AND r.contamination IS NULL
           AND EXISTS (SELECT FROM evaluation_gate g WHERE g.run_id = r.run_id AND g.verdict = 'PASS'))
    """,
    "champion": "champion.number",
    "champion_since": "champion.promoted_at",
    "champion_marked": "champion.learnt_from_withdrawn_at IS NOT NULL",
    "champion_learnt_exam": "champion.contamination IS NOT NULL",
}
