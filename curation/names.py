"""What people call the rows of curation. The question of a pair is shown to every role, also where it is feedback's."""

from feedback.models.last_question import last_question_sql

ASKED = last_question_sql("p.prompt", "p.conversation")
OF_INTERACTION = last_question_sql("i.prompt", "i.conversation")
BY_UUID = {
    "pair": f"SELECT p.id, {ASKED} FROM curation_pair p WHERE p.id = ANY (%(pair)s::uuid[])",
    "interaction": f"""
        SELECT c.interaction_id, {ASKED} FROM feedback_correction c JOIN curation_pair p ON p.correction_id = c.id
        WHERE c.interaction_id = ANY (%(interaction)s::uuid[])
    """,
    "correction": f"""
        SELECT p.correction_id, {ASKED} FROM curation_pair p WHERE p.correction_id = ANY (%(correction)s::uuid[])
    """,
}
BY_NUMBER = {
    "case": f"""
        SELECT k.id, CASE WHEN p.id IS NOT NULL THEN {ASKED} WHEN %(reads)s THEN {OF_INTERACTION} END
        FROM curation_case k JOIN feedback_correction c ON c.id = k.correction_id
        JOIN feedback_interaction i ON i.id = c.interaction_id
        LEFT JOIN curation_pair p ON p.correction_id = c.id WHERE k.id = ANY (%(case)s::bigint[])
    """,
    "dataset": "SELECT id, '#' || id || ' ' || name FROM curation_dataset WHERE id = ANY (%(dataset)s::bigint[])",
}
