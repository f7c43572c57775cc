"""What can happen to feedback. Every write of this app is one of these functions, and leaves one audit event."""

from cftapp.base.refusal import Refused
from feedback.actions.accounts import link_account
from feedback.actions.batches import BatchRow, RowResult, record_batch
from feedback.actions.bugs import list_by_verdict, move_bug
from feedback.actions.consent import grant_consent, withdraw_consent
from feedback.actions.interactions import record_interaction
from feedback.actions.sources import (
    issue_api_key,
    open_playground,
    register_source,
    revoke_api_key,
)
from feedback.actions.submissions import (
    submit_bug_report,
    submit_comment,
    submit_correction,
    submit_taste_note,
)
from feedback.actions.wordings import publish_wording

__all__ = [
    "BatchRow",
    "Refused",
    "RowResult",
    "grant_consent",
    "issue_api_key",
    "link_account",
    "list_by_verdict",
    "move_bug",
    "open_playground",
    "publish_wording",
    "record_batch",
    "record_interaction",
    "register_source",
    "revoke_api_key",
    "submit_bug_report",
    "submit_comment",
    "submit_correction",
    "submit_taste_note",
    "withdraw_consent",
]
