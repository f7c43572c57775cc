"""What people tell us: sources, subjects and their lane, interactions, consent and the typed feedback on them."""

from feedback.models.base import CAP, CountedQuerySet, consent_in_force
from feedback.models.bugs import Bug, with_words
from feedback.models.consent import ConsentEntry, ConsentWording
from feedback.models.interactions import CLOCKS_DIFFER, WORDS, Interaction
from feedback.models.kinds import KINDS, BugReport, Comment, Correction, Feedback, TasteNote
from feedback.models.last_question import LastQuestion
from feedback.models.receipts import IdempotentReply, Receipt
from feedback.models.sources import ApiKey, Environment, Source
from feedback.models.subjects import Lane, Subject, SubjectAccount, pseudonym_key

__all__ = [
    "ApiKey",
    "Bug",
    "BugReport",
    "CAP",
    "CLOCKS_DIFFER",
    "Comment",
    "ConsentEntry",
    "ConsentWording",
    "Correction",
    "CountedQuerySet",
    "Environment",
    "Feedback",
    "IdempotentReply",
    "Interaction",
    "KINDS",
    "Lane",
    "LastQuestion",
    "Receipt",
    "Source",
    "Subject",
    "SubjectAccount",
    "TasteNote",
    "WORDS",
    "consent_in_force",
    "pseudonym_key",
    "with_words",
]
