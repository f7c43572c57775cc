"""Gates and benchmarks: the addresses below /evaluation/."""

from django.urls import path

from evaluation.benchmarks import views as benchmark_views
from evaluation.gates import views as gate_views

app_name = "evaluation"
urlpatterns = [
    path("benchmarks/", benchmark_views.benchmarks, name="benchmarks"),
    path("benchmarks/propose/", benchmark_views.propose, name="propose"),
    path("benchmarks/proposals/", benchmark_views.proposals, name="proposals"),
    path("benchmarks/proposals/<uuid:pk>/", benchmark_views.proposal, name="proposal"),
    path("benchmarks/proposals/<uuid:pk>/decide/", benchmark_views.decide, name="decide"),
    path("benchmarks/<int:pk>/", benchmark_views.benchmark, name="benchmark"),
    path("gates/", gate_views.gates, name="gates"),
    path("gates/queue/", gate_views.queue, name="queue"),
    path("gates/<int:pk>/", gate_views.gate, name="gate"),
    path("gates/<int:pk>/progress/", gate_views.progress, name="progress"),
    path("gates/<int:pk>/waive/", gate_views.waive, name="waive"),
    path("gates/<int:pk>/confirm/", gate_views.confirm, name="confirm"),
]
