"""The pages of feedback: the console's and the visitors'."""

from django.urls import path, re_path

from feedback.console import bugs, views, wordings
from feedback.visitors import views as visitor_views

app_name = "feedback"

urlpatterns = [
    path("", views.feedback, name="list"),
    path("bugs/", bugs.bugs, name="bugs"),
    path("bugs/<int:pk>/", bugs.bug, name="bug"),
    path("bugs.csv", bugs.bugs_csv, name="bugs_csv"),
    path("bugs/<int:pk>/move/", bugs.move, name="move_bug"),
    path("sources/", views.sources, name="sources"),
    path("sources/<int:pk>/keys/", views.issue_key, name="issue_key"),
    path("keys/<int:pk>/revoke/", views.revoke_key, name="revoke_key"),
    path("consent/", views.consent, name="consent"),
    path("consent/<uuid:pk>/grant/", views.grant, name="grant"),
    path("consent/<uuid:pk>/withdraw/", views.withdraw, name="withdraw"),
    path("wordings/", wordings.wordings, name="wordings"),
    path("publish-wording/", wordings.publish, name="publish_wording"),
    re_path(r"^wordings/(?P<version>[A-Za-z0-9._:/-]{1,40})/$", wordings.wording, name="wording"),
    path("api/", views.api_reference, name="api"),
    path("give/<uuid:pk>/", visitor_views.give, name="give"),
    path("mine/", visitor_views.mine, name="mine"),
    path("mine/consent/", visitor_views.decide, name="decide"),
]
