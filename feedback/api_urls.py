"""The API's addresses below /api/v1/."""

from django.urls import path

from feedback import api

urlpatterns = [
    path("interactions/", api.Interactions.as_view()),
    path("bug-reports/", api.BugReports.as_view()),
    path("taste-notes/", api.TasteNotes.as_view()),
    path("corrections/", api.Corrections.as_view()),
    path("comments/", api.Comments.as_view()),
    path("consents/", api.Consents.as_view()),
    path("consents/withdraw", api.Withdrawals.as_view()),
    # Not <uuid:…>: an id of another shape is answered by the API too, as a problem.
    path("consents/<path:subject>/", api.SubjectConsent.as_view()),
    path("feedback/batch", api.Batch.as_view()),
]
