"""The console's pages about what answers people, and the playground."""

from django.urls import path

from serving import playground, views

app_name = "serving"

urlpatterns = [
    path("", views.releases, name="releases"),
    path("<int:pk>/promote/", views.promote, name="promote"),
    path("roll-back/", views.roll_back, name="roll_back"),
]

playground_urlpatterns = [
    path("", playground.page, name="playground"),
    path("ask/", playground.ask, name="playground_ask"),
]
