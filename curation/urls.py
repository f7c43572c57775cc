"""The bench, pairs and datasets: the addresses below /curation/."""

from django.urls import path

from curation import batch_views, bench, duplicate_views, inquiry_views, override_views, tuning_views, views

app_name = "curation"
urlpatterns = [
    path("bench/", bench.bench, name="bench"),
    path("bench/<int:case_id>/", bench.case, name="case"),
    path("bench/<int:case_id>/decide/", bench.decide, name="decide"),
    path("bench/<int:case_id>/override/", bench.override, name="override"),
    path("bench/<int:case_id>/skip/", bench.skip, name="skip"),
    path("bench/<int:case_id>/undo/", bench.undo, name="undo"),
    path("overrides/", override_views.overrides, name="overrides"),
    path("overrides/<int:pk>/settle/", override_views.settle, name="settle"),
    path("pairs/", views.pairs, name="pairs"),
    path("pairs/<uuid:pk>/", views.pair, name="pair"),
    path("duplicates/", duplicate_views.duplicates, name="duplicates"),
    path("datasets/", views.datasets, name="datasets"),
    path("datasets/freeze/", views.freeze, name="freeze"),
    path("datasets/<int:pk>/", views.dataset, name="dataset"),
    path("datasets/<int:pk>/report/", views.dataset_report, name="dataset_report"),
    path("datasets/<int:pk>/report.json", views.report, name="report"),
    path("thresholds/", tuning_views.thresholds, name="thresholds"),
    path("thresholds/status/", tuning_views.policy_status, name="policy_status"),
    path("thresholds/save/", tuning_views.save_policy, name="save_policy"),
    path("batches/", batch_views.batches, name="batches"),
    path("batches/queue/", batch_views.queue, name="queue_batch"),
    path("batches/<int:pk>/", batch_views.batch, name="batch"),
    path("batches/<int:pk>/progress/", batch_views.batch_progress, name="batch_progress"),
    path("check/", inquiry_views.check, name="check"),
    path("check/<uuid:pk>/", inquiry_views.checked, name="checked"),
    path("check/alerts/", inquiry_views.alerts, name="check_alerts"),
    path("check/alerts/<int:pk>/settle/", inquiry_views.settle, name="settle_check_alert"),
]
