"""The API's addresses below /api/v1/."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from feedback.api import views
from feedback.api.bugs import BugViewSet
from feedback.api.wordings import Wordings

router = SimpleRouter()
router.register("bugs", BugViewSet, basename="bug")

urlpatterns = [
    path("interactions/", views.Interactions.as_view()),
    path("bug-reports/", views.BugReports.as_view()),
    path("taste-notes/", views.TasteNotes.as_view()),
    path("corrections/", views.Corrections.as_view()),
    path("comments/", views.Comments.as_view()),
    path("consents/", views.Consents.as_view()),
    path("consents/withdraw", views.Withdrawals.as_view()),
    path("consents/<uuid:subject>/", views.SubjectConsent.as_view()),
    path("consent-wordings/", Wordings.as_view()),
    path("feedback/batch", views.Batch.as_view()),
    *router.urls,
]
