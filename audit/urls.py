"""The compliance officer's pages: the log, one event with its proof, verification, lineage."""

from django.urls import path

from audit import views

app_name = "audit"

urlpatterns = [
    path("", views.log, name="log"),
    path("events/<int:pk>/", views.event, name="event"),
    path("events/<int:pk>/proof.json", views.proof, name="proof"),
    path("verify/", views.verify, name="verify"),
    path("lineage/<slug:kind>/<str:object_id>/", views.lineage, name="lineage"),
]
