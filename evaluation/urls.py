"""Gates and benchmarks: the addresses below /evaluation/."""

from django.urls import path

from evaluation import views

app_name = "evaluation"
urlpatterns = [
    path("benchmarks/", views.benchmarks, name="benchmarks"),
    path("benchmarks/propose/", views.propose, name="propose"),
    path("benchmarks/proposals/", views.proposals, name="proposals"),
    path("benchmarks/proposals/<uuid:pk>/", views.proposal, name="proposal"),
    path("benchmarks/proposals/<uuid:pk>/decide/", views.decide, name="decide"),
    path("benchmarks/<int:pk>/", views.benchmark, name="benchmark"),
    path("gates/", views.gates, name="gates"),
    path("gates/queue/", views.queue, name="queue"),
    path("gates/<int:pk>/", views.gate, name="gate"),
    path("gates/<int:pk>/progress/", views.progress, name="progress"),
    path("gates/<int:pk>/waive/", views.waive, name="waive"),
    path("gates/<int:pk>/confirm/", views.confirm, name="confirm"),
]
