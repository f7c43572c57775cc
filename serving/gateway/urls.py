"""The gateway's addresses below /v1/, as OpenAI clients expect them."""

from django.urls import path

from serving.gateway import views

urlpatterns = [
    path("chat/completions", views.chat_completions, name="gateway_chat"),
    path("models", views.models, name="gateway_models"),
    path("models/<str:name>", views.model, name="gateway_model"),
]
