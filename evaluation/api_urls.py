"""Benchmarks and gates below /api/v1/."""

from rest_framework.routers import SimpleRouter

from evaluation.api import BenchmarkViewSet, GateViewSet

router = SimpleRouter()
router.register("benchmarks", BenchmarkViewSet, basename="benchmark")
router.register("gates", GateViewSet, basename="gate")
urlpatterns = router.urls
