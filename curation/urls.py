"""The bench, pairs and datasets: the addresses below /curation/."""

from django.urls import path

from curation.batches import views as batch_views
from curation.datasets import duplicate_views
from curation.datasets import views as dataset_views
from curation.inquiries import views as inquiry_views
from curation.thresholds import views as threshold_views
from curation.triage import override_views
from curation.triage import views as triage_views

app_name = "curation"
urlpatterns = [
    path("bench/", triage_views.bench, name="bench"),
    path("bench/<int:case_id>/", triage_views.case, name="case"),
    path("bench/<int:case_id>/decide/", triage_views.decide, name="decide"),
    path("bench/<int:case_id>/override/", triage_views.override, name="override"),
    path("bench/<int:case_id>/skip/", triage_views.skip, name="skip"),
    path("bench/<int:case_id>/undo/", triage_views.undo, name="undo"),
    path("overrides/", override_views.overrides, name="overrides"),
    path("overrides/<int:pk>/settle/", override_views.settle, name="settle"),
    path("pairs/", dataset_views.pairs, name="pairs"),
    path("pairs/<uuid:pk>/", dataset_views.pair, name="pair"),
    path("replay/<int:pk>/", dataset_views.replay_row, name="replay_row"),
    path("duplicates/", duplicate_views.duplicates, name="duplicates"),
    path("datasets/", dataset_views.datasets, name="datasets"),
    path("datasets/freeze/", dataset_views.freeze, name="freeze"),
    path("datasets/<int:pk>/", dataset_views.dataset, name="dataset"),
    path("datasets/<int:pk>/report/", dataset_views.dataset_report, name="dataset_report"),
    path("datasets/<int:pk>/report.json", dataset_views.report, name="report"),
    path("thresholds/", threshold_views.thresholds, name="thresholds"),
    path("thresholds/status/", threshold_views.policy_status, name="policy_status"),
    path("thresholds/save/", threshold_views.save_policy, name="save_policy"),
    path("batches/", batch_views.batches, name="batches"),
    path("batches/queue/", batch_views.queue, name="queue_batch"),
    path("batches/<int:pk>/", batch_views.batch, name="batch"),
    path("batches/<int:pk>/progress/", batch_views.batch_progress, name="batch_progress"),
    path("check/", inquiry_views.check, name="check"),
    path("check/<uuid:pk>/", inquiry_views.checked, name="checked"),
    path("check/alerts/", inquiry_views.alerts, name="check_alerts"),
    path("check/alerts/<int:pk>/settle/", inquiry_views.settle, name="settle_check_alert"),
]
