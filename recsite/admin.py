"""The plain admin page of API keys: make one and see it once, list them, revoke them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from recsite.models import ApiKey


@admin.register(ApiKey)
class ApiKeyAdmin(admin.ModelAdmin):
    list_display = ("name", "prefix", "created_at", "last_used_at", "revoked_at")
    fields = ("name",)
    search_fields = ("name", "prefix")
    actions = ("revoke",)

    def has_change_permission(self, _request: HttpRequest, _obj: ApiKey | None = None) -> bool:
        """What a key was once made for is not rewritten."""
        return False

    def has_delete_permission(self, _request: HttpRequest, _obj: ApiKey | None = None) -> bool:
        """Keys are revoked: who had one stays known."""
        return False

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("recsite.change_apikey")

    @admin.action(description="Revoke", permissions=["revoke"])
    def revoke(self, request: Any, keys: QuerySet[ApiKey, ApiKey]) -> None:
        count = ApiKey.objects.filter(pk__in=keys).revoke(now=request.now)
        self.message_user(request, f"{count} revoked. Calls with them are refused from now on.", messages.SUCCESS)

    def save_model(self, request: Any, obj: ApiKey, form: Any, change: bool) -> None:
        made, request.made_key = ApiKey.objects.make(name=obj.name, now=request.now)
        obj.pk, obj.prefix = made.pk, made.prefix

    def response_add(self, request: Any, obj: ApiKey, post_url_continue: str | None = None) -> HttpResponse:
        """Show the key in this one answer: no message, cookie or address ever holds it."""
        context = {**self.admin_site.each_context(request), "title": "API key", "row": obj, "key": request.made_key}
        return render(request, "admin/recsite/apikey/made.html", context)
