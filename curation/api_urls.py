"""Datasets, inquiries, overrides and policies below /api/v1/."""

from rest_framework.routers import SimpleRouter

from curation.datasets.api import DatasetViewSet
from curation.inquiries.api import InquiryViewSet
from curation.thresholds.api import PolicyViewSet
from curation.triage.api import OverrideViewSet

router = SimpleRouter()
router.register("datasets", DatasetViewSet, basename="dataset")
router.register("inquiries", InquiryViewSet, basename="inquiry")
router.register("overrides", OverrideViewSet, basename="override")
router.register("policies", PolicyViewSet, basename="policy")
urlpatterns = router.urls
