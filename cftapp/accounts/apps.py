from django.apps import AppConfig
from django.contrib.admin import apps as admin


class AccountsConfig(AppConfig):
    name = "cftapp.accounts"
    label = "accounts"


class BackOfficeConfig(admin.AdminConfig):
    """Django's admin, with our own answer to who may enter and where one signs in."""

    default = False
    default_site = "cftapp.accounts.back_office.BackOffice"
