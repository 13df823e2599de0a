"""The admin page of items, which also tells workers what was written there: the catalogue's own floor knows of none."""

from __future__ import annotations

from typing import Any

from django.contrib import admin

from catalog.admin import ItemAdmin
from catalog.models import Item
from recsite.publishing import tell_workers_of_items

admin.site.unregister(Item)


@admin.register(Item)
class PublishedItemAdmin(ItemAdmin):
    def save_model(self, request: Any, item: Item, form: Any, change: bool) -> None:
        super().save_model(request, item, form, change)
        tell_workers_of_items()
