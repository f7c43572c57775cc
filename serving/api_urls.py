"""Releases and the champion below /api/v1/."""

from rest_framework.routers import SimpleRouter

from serving.releases.api import ChampionViewSet, ReleaseViewSet, RollBackWaiverViewSet

router = SimpleRouter(use_regex_path=False)
router.register("releases", ReleaseViewSet, basename="release")
router.register("roll-back-waivers", RollBackWaiverViewSet, basename="roll-back-waiver")
router.register("champion", ChampionViewSet, basename="champion")
urlpatterns = router.urls
