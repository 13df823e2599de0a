"""The plain admin pages of what is ours: API keys to make, list and revoke; releases, trainings, the trail to look at.

Releases are changed at /staff/ and by `manage.py releases`, which keep who did it and why; so are schedules at /staff/.
"""

from __future__ import annotations

import json
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.html import format_html
from django.utils.safestring import SafeString

from recsite import item_admin  # noqa: F401 - registers the page of items
from recsite.models import ApiKey, Release, ReleaseEvent, StaffAction, TrainingRun


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


class _LookedAt:
    """Rows that are a record: nobody adds, changes or deletes one here."""

    def has_add_permission(self, _request: HttpRequest, _obj: Any = None) -> bool:
        return False

    def has_change_permission(self, _request: HttpRequest, _obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, _request: HttpRequest, _obj: Any = None) -> bool:
        return False


class _Events(_LookedAt, admin.TabularInline):
    model = ReleaseEvent
    fields = ("at", "action", "by", "reason")
    verbose_name_plural = "What was done to it"


class _Runs(_LookedAt, admin.TabularInline):
    model = TrainingRun
    fields = ("kind", "state", "started_at", "finished_at", "outcome")
    show_change_link = True
    verbose_name_plural = "Trainings that made it"


@admin.register(Release)
class ReleaseAdmin(_LookedAt, admin.ModelAdmin):
    list_display = ("__str__", "created_at", "live_since", "retriever_until", "ranker_until", "code_version")
    list_filter = ("state",)
    inlines = (_Events, _Runs)
    fields = (
        "state",
        ("created_at", "live_since"),
        ("retriever", "retriever_sha256"),
        ("retriever_since", "retriever_until"),
        ("ranker", "ranker_sha256"),
        ("ranker_since", "ranker_until"),
        ("gate_since", "gate_until"),
        "code_version",
        "report_in_full",
        "config_in_full",
    )
    readonly_fields = ("report_in_full", "config_in_full")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Release]:
        """A list shows none of the reports, and those are long."""
        return super().get_queryset(request).defer("report", "config")

    @admin.display(description="report")
    def report_in_full(self, release: Release) -> SafeString:
        return _as_written(json.dumps(release.report, indent=2, ensure_ascii=False))

    @admin.display(description="config")
    def config_in_full(self, release: Release) -> SafeString:
        return _as_written(json.dumps(release.config, indent=2, ensure_ascii=False))


@admin.register(ReleaseEvent)
class ReleaseEventAdmin(_LookedAt, admin.ModelAdmin):
    list_display = ("at", "action", "release", "by", "reason")
    list_display_links = ("at", "release")
    list_filter = ("action",)
    list_select_related = ("release",)
    search_fields = ("by", "reason")
    ordering = ("-at", "-pk")


@admin.register(StaffAction)
class StaffActionAdmin(_LookedAt, admin.ModelAdmin):
    """The whole trail: also of items that are deleted, whose own pages are gone."""

    list_display = ("at", "action", "about", "by", "reason")
    search_fields = ("about", "by", "reason")
    search_help_text = "What it was done to, such as “item 12”; who did it; or words of the reason."
    list_filter = ("action",)
    ordering = ("-at", "-pk")


@admin.register(TrainingRun)
class TrainingRunAdmin(_LookedAt, admin.ModelAdmin):
    list_display = ("started_at", "kind", "state", "finished_at", "outcome")
    list_filter = ("kind", "state")
    search_fields = ("outcome",)
    fields = ("kind", "state", ("started_at", "finished_at"), "process", "release", "outcome", "what_it_said")
    readonly_fields = ("what_it_said",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[TrainingRun]:
        return super().get_queryset(request).defer("log")

    @admin.display(description="log")
    def what_it_said(self, run: TrainingRun) -> SafeString:
        return _as_written(run.log)


def _as_written(text: str) -> SafeString:
    return format_html("<pre>{}</pre>", text)
