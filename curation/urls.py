"""The bench, pairs and datasets: the addresses below /curation/."""

from django.urls import path

from curation import bench, views

app_name = "curation"
urlpatterns = [
    path("bench/", bench.bench, name="bench"),
    path("bench/<int:case_id>/", bench.case, name="case"),
    path("bench/<int:case_id>/decide/", bench.decide, name="decide"),
    path("bench/<int:case_id>/skip/", bench.skip, name="skip"),
    path("bench/<int:case_id>/undo/", bench.undo, name="undo"),
    path("pairs/", views.pairs, name="pairs"),
    path("pairs/<uuid:pk>/", views.pair, name="pair"),
    path("datasets/", views.datasets, name="datasets"),
    path("datasets/freeze/", views.freeze, name="freeze"),
    path("datasets/<int:pk>/", views.dataset, name="dataset"),
    path("datasets/<int:pk>/report.json", views.report, name="report"),
]
