"""What OpenAI clients ask for, below /v1/."""

from django.urls import path

from serving import gateway

urlpatterns = [
    path("chat/completions", gateway.chat_completions, name="gateway_chat"),
    path("models", gateway.models, name="gateway_models"),
    path("models/<str:name>", gateway.model, name="gateway_model"),
]
