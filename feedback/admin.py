from django.contrib import admin
from django.http import HttpRequest

from feedback.models import Interaction


@admin.register(Interaction)
class InteractionAdmin(admin.ModelAdmin):
    """To look at: what people did is not edited by hand."""

    list_display = ("happened_at", "kind", "reader", "item", "topic", "author", "undone_at")
    list_filter = ("kind",)
    list_select_related = ("reader", "item", "topic", "author")
    show_full_result_count = False

    def has_add_permission(self, _request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, _request: HttpRequest, _obj: Interaction | None = None) -> bool:
        return False
