"""What is recorded about feedback, and what pages call it."""

from audit.vocabulary import Kind

EVENTS = {
    "source.created": "created",
    "api_key.issued": "issued",
    "api_key.revoked": "revoked",
    "subject.linked": "linked to an account",
    "interaction.recorded": "recorded",
    "interactions.recorded": "recorded",
    "feedback.imported": "imported",
    # On the exam: nothing downstream has to do with it.
    "feedback.held_out": "held out",
    "bug_report.submitted": "submitted",
    "taste_note.submitted": "submitted",
    "correction.submitted": "submitted",
    "comment.submitted": "submitted",
    "bug.moved": "moved",
    "consent.granted": "granted",
    "consent.withdrawn": "withdrawn",
    "consent_wording.published": "published",
}

# What a restore of an older backup must not undo.
KEPT = ["consent.withdrawn"]

KINDS = {
    "source": Kind("Feedback"),
    "api_key": Kind("Feedback", words="API key"),
    "subject": Kind("Feedback"),
    "consent": Kind("Feedback"),
    "consent_wording": Kind("Feedback", page="feedback:wording"),
    "interaction": Kind("Feedback", page="feedback:give", for_readers=True),
    "bug_report": Kind("Feedback"),
    "taste_note": Kind("Feedback"),
    "correction": Kind("Feedback"),
    "comment": Kind("Feedback"),
    "receipt": Kind("Feedback"),
    "bug": Kind("Feedback", page="feedback:bug", for_readers=True),
}
