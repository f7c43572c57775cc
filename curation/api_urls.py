"""Datasets, inquiries, overrides and policies below /api/v1/."""

from rest_framework.routers import SimpleRouter

from curation.api import DatasetViewSet
from curation.inquiry_api import InquiryViewSet
from curation.override_api import OverrideViewSet
from curation.policy_api import PolicyViewSet

router = SimpleRouter()
router.register("datasets", DatasetViewSet, basename="dataset")
router.register("inquiries", InquiryViewSet, basename="inquiry")
router.register("overrides", OverrideViewSet, basename="override")
router.register("policies", PolicyViewSet, basename="policy")
urlpatterns = router.urls
