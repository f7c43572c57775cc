"""Accounts and roles in the back office: to look at. Pages of their own change them."""

from django.contrib import admin
from django.contrib.auth.models import Group, User

from cftapp.accounts.models import Request
from cftapp.base.back_office import ReadOnly

admin.site.unregister([User, Group])


@admin.register(User)
class UserAdmin(ReadOnly):
    list_display = ("username", "is_active", "is_superuser", "last_login", "date_joined")
    list_filter = ("groups", "is_active", "is_superuser")
    search_fields = ("username",)
    fields = ("username", "is_active", "is_superuser", "groups", "last_login", "date_joined")


@admin.register(Group)
class GroupAdmin(ReadOnly):
    list_display = fields = ("name",)


@admin.register(Request)
class RequestAdmin(ReadOnly):
    list_display = ("id", "account", "wanted", "state", "asked_by", "answered_by")
    list_filter = ("wanted", "state")
