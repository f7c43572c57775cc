"""Runs: the addresses below /training/."""

from django.urls import path

from training import views

app_name = "training"
urlpatterns = [
    path("runs/", views.runs, name="runs"),
    path("runs/new/", views.new, name="new"),
    path("runs/<int:pk>/", views.run, name="run"),
    path("runs/<int:pk>/live/", views.live, name="live"),
    path("runs/<int:pk>/gates/", views.gates, name="gates"),
    path("runs/<int:pk>/stop/", views.stop, name="stop"),
    path("runs/<int:pk>/resume/", views.resume, name="resume"),
    path("runs/<int:pk>/manifest.json", views.manifest, name="manifest"),
    path("runs/<int:pk>/engine.log", views.log, name="log"),
]
