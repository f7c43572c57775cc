"""The pages of releases, and of the playground."""

from django.urls import path

from serving.gateway import playground
from serving.releases import views as release_views

app_name = "serving"

urlpatterns = [
    path("", release_views.releases, name="releases"),
    path("<int:pk>/promote/", release_views.promote, name="promote"),
    path("roll-back/", release_views.roll_back, name="roll_back"),
    path("<int:pk>/roll-back-waiver/", release_views.waive, name="roll_back_waiver"),
    path("roll-back-waivers/<int:pk>/confirm/", release_views.confirm, name="confirm_roll_back_waiver"),
]

playground_urlpatterns = [
    path("", playground.page, name="playground"),
    path("ask/", playground.ask, name="playground_ask"),
]
