"""Curation's figures for the console's header and home."""

COUNTS = {
    "screening": "(SELECT count(*) FROM curation_case WHERE state = 'waiting')",
    "to_triage": "(SELECT count(*) FROM curation_case WHERE state = 'open')",
    "pairs": "(SELECT count(*) FROM curation_pair WHERE state = 'accepted')",
    "new_pairs": """
        (SELECT count(*) FROM curation_pair WHERE state = 'accepted'
           AND accepted_at > coalesce((SELECT max(frozen_at) FROM curation_dataset), '-infinity'))
    """,
    "overrides": "(SELECT count(*) FROM curation_override WHERE state = 'requested')",
    "datasets": "(SELECT count(*) FROM curation_dataset)",
    "marked_datasets": "(SELECT count(*) FROM curation_dataset WHERE learnt_from_withdrawn_at IS NOT NULL)",
    "check_alerts": "(SELECT count(*) FROM curation_inquiryalert WHERE settled_at IS NULL)",
}
