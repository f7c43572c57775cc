"""What people call the rows of feedback. A question is shown to those who may read feedback, a subject by its key."""

from feedback.models.last_question import last_question_sql

ASKED = last_question_sql("i.prompt", "i.conversation")
ACTORS = "SELECT 'source:' || id, name FROM feedback_source"

BY_UUID = {
    "interaction": f"""
        SELECT i.id, {ASKED} FROM feedback_interaction i WHERE %(reads)s AND i.id = ANY (%(interaction)s::uuid[])
    """,
    "correction": f"""
        SELECT c.id, {ASKED} FROM feedback_correction c JOIN feedback_interaction i ON i.id = c.interaction_id
        WHERE %(reads)s AND c.id = ANY (%(correction)s::uuid[])
    """,
    "subject": "SELECT id, 's-' || left(key_hash, 8) FROM feedback_subject WHERE id = ANY (%(subject)s::uuid[])",
}
BY_NUMBER = {"source": "SELECT id, name FROM feedback_source WHERE id = ANY (%(source)s::bigint[])"}
