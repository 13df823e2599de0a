from typing import Any

from django.contrib import admin

from catalog.models import Author, Item, Reader, Topic


class ItemTopicInline(admin.TabularInline):
    model = Item.topics.through
    extra = 1
    autocomplete_fields = ("topic",)


@admin.register(Item)
class ItemAdmin(admin.ModelAdmin):
    list_display = ("title", "language", "author", "published_at", "hidden", "source")
    list_filter = ("hidden", "language", "source")
    search_fields = ("title", "external_id")
    prepopulated_fields = {"slug": ("title",)}
    autocomplete_fields = ("author",)
    readonly_fields = ("created_at", "updated_at")
    inlines = (ItemTopicInline,)
    show_full_result_count = False

    def save_model(self, request: Any, item: Item, form: Any, change: bool) -> None:
        """Time comes with the request: this floor does not read the clock."""
        item.updated_at = request.now
        if not change:
            item.created_at = request.now
        super().save_model(request, item, form, change)


@admin.register(Topic)
class TopicAdmin(admin.ModelAdmin):
    search_fields = ("name",)
    prepopulated_fields = {"slug": ("name",)}


@admin.register(Author)
class AuthorAdmin(admin.ModelAdmin):
    search_fields = ("name",)
    prepopulated_fields = {"slug": ("name",)}


@admin.register(Reader)
class ReaderAdmin(admin.ModelAdmin):
    list_display = ("public_id", "user", "languages", "country", "created_at")
    search_fields = ("public_id", "user__email")
    raw_id_fields = ("user", "followed_topics", "followed_authors")
    readonly_fields = ("created_at",)
    show_full_result_count = False

    def has_add_permission(self, _request: Any) -> bool:
        """Readers come by browsing."""
        return False
