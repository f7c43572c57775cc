from django.apps import AppConfig


class VaultConfig(AppConfig):
    name = "evaluation.vault"
    label = "vault"
