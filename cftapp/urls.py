"""The map of the site: a stage of the pipeline is a path."""

from django.contrib import admin
from django.contrib.auth import views as auth
from django.urls import include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView

from cftapp.accounts import doors
from cftapp.console import views
from cftapp.operations import health, metrics
from serving.urls import playground_urlpatterns

handler400 = "cftapp.operations.errors.bad_request"
handler403 = "cftapp.operations.errors.forbidden"
handler404 = "cftapp.operations.errors.not_found"
handler500 = "cftapp.operations.errors.broken"

urlpatterns = [
    path("", views.home, name="home"),
    path("pipeline/", views.pipeline, name="pipeline"),
    path("curation/", RedirectView.as_view(pattern_name="curation:bench")),
    path("training/", RedirectView.as_view(pattern_name="training:runs")),
    path("evaluation/", RedirectView.as_view(pattern_name="evaluation:gates")),
    path("playground/", include(playground_urlpatterns)),
    path("feedback/", include("feedback.urls")),
    path("curation/", include("curation.urls")),
    path("training/", include("training.urls")),
    path("evaluation/", include("evaluation.urls")),
    path("serving/", include("serving.urls")),
    path("audit/", include("audit.urls")),
    path("v1/", include("serving.gateway.urls")),
    path("api/v1/", include("feedback.api.urls")),
    path("api/v1/", include("curation.api_urls")),
    path("api/v1/", include("training.api_urls")),
    path("api/v1/", include("evaluation.api_urls")),
    path("api/v1/", include("serving.api_urls")),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("accounts/login/", doors.SignIn.as_view(), name="login"),
    path("accounts/logout/", auth.LogoutView.as_view(), name="logout"),
    path("accounts/password/", doors.ChangePassword.as_view(), name="password_change"),
    path("accounts/password/done/", auth.PasswordChangeDoneView.as_view(), name="password_change_done"),
    path("accounts/", include("cftapp.accounts.urls")),
    path("admin/", admin.site.urls),
    path("healthz", health.alive, name="healthz"),
    path("readyz", health.ready, name="readyz"),
    path("metrics", metrics.metrics, name="metrics"),
]
