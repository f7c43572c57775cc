"""What people call the rows of feedback. A question is shown to those who may read feedback, a subject by its key."""

ACTORS = "SELECT 'source:' || id, name FROM feedback_source"

BY_UUID = {
    "interaction": "SELECT id, prompt FROM feedback_interaction WHERE %(reads)s AND id = ANY (%(interaction)s::uuid[])",
    "correction": """
        SELECT c.id, i.prompt FROM feedback_correction c JOIN feedback_interaction i ON i.id = c.interaction_id
        WHERE %(reads)s AND c.id = ANY (%(correction)s::uuid[])
    """,
    "subject": "SELECT id, 's-' || left(key_hash, 8) FROM feedback_subject WHERE id = ANY (%(subject)s::uuid[])",
}
BY_NUMBER = {"source": "SELECT id, name FROM feedback_source WHERE id = ANY (%(source)s::bigint[])"}
