"""Runs below /api/v1/."""

from rest_framework.routers import SimpleRouter

from training.api import RunViewSet

router = SimpleRouter()
router.register("runs", RunViewSet, basename="run")
urlpatterns = router.urls
