"""Datasets below /api/v1/."""

from rest_framework.routers import SimpleRouter

from curation.api import DatasetViewSet

router = SimpleRouter()
router.register("datasets", DatasetViewSet, basename="dataset")
urlpatterns = router.urls
