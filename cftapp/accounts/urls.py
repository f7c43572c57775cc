from django.urls import path

from cftapp.accounts import doors, views

app_name = "accounts"
urlpatterns = [
    path("", views.people, name="people"),
    path("<int:pk>/", views.person, name="person"),
    path("<int:pk>/ask/", views.ask, name="ask"),
    path("<int:pk>/take/", views.take, name="take"),
    path("<int:pk>/close/", views.close, name="close"),
    path("<int:pk>/reopen/", views.reopen, name="reopen"),
    path("requests/<int:pk>/", views.answer, name="answer"),
    path("choose/<uidb64>/<token>/", doors.ChoosePassword.as_view(), name="choose_password"),
]
