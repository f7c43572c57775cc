"""What people call the rows of curation. The question of a pair is shown to every role, also where it is feedback's."""

BY_UUID = {
    "pair": "SELECT id, prompt FROM curation_pair WHERE id = ANY (%(pair)s::uuid[])",
    "interaction": """
        SELECT c.interaction_id, p.prompt FROM feedback_correction c JOIN curation_pair p ON p.correction_id = c.id
        WHERE c.interaction_id = ANY (%(interaction)s::uuid[])
    """,
    "correction": "SELECT correction_id, prompt FROM curation_pair WHERE correction_id = ANY (%(correction)s::uuid[])",
}
BY_NUMBER = {
    "case": """
        SELECT k.id, coalesce(p.prompt, CASE WHEN %(reads)s THEN i.prompt END)
        FROM curation_case k JOIN feedback_correction c ON c.id = k.correction_id
        JOIN feedback_interaction i ON i.id = c.interaction_id
        LEFT JOIN curation_pair p ON p.correction_id = c.id WHERE k.id = ANY (%(case)s::bigint[])
    """,
    "dataset": "SELECT id, '#' || id || ' ' || name FROM curation_dataset WHERE id = ANY (%(dataset)s::bigint[])",
}
