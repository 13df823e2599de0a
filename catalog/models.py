"""What can be shown, what it is about, who made it, and who reads it."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import connection, models
from django.db.models.functions import Length
from django.urls import reverse

from catalog.languages import LANGUAGE_CODE
from catalog.search_vectors import ItemSearchVector, TitleWords

TITLE_MAX_CHARS = 500
SUMMARY_MAX_CHARS = 5_000
BODY_MAX_CHARS = 200_000
URL_MAX_CHARS = 2_000
HTTP_URL = r"^https?://[^\s<>\"]+$"
"""What an imported link or image must look like: `javascript:` and `data:` addresses would run in a reader's page."""


class Topic(models.Model):
    name = models.CharField(max_length=100)
    slug = models.SlugField(max_length=100, unique=True, allow_unicode=True)
    description = models.TextField(blank=True)

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.CheckConstraint(name="topic_name_not_blank", condition=~models.Q(name="")),
            models.CheckConstraint(name="topic_slug_not_blank", condition=~models.Q(slug="")),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("topic", args=[self.slug])


class Author(models.Model):
    """Whoever made an item: a person, a band, a publisher."""

    name = models.CharField(max_length=200)
    slug = models.SlugField(max_length=220, unique=True, allow_unicode=True)

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.CheckConstraint(name="author_name_not_blank", condition=~models.Q(name="")),
            models.CheckConstraint(name="author_slug_not_blank", condition=~models.Q(slug="")),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("author", args=[self.slug])


_LANGUAGES_IN_USE = """
    WITH RECURSIVE found AS (
        (SELECT language FROM catalog_item WHERE NOT hidden ORDER BY language LIMIT 1)
        UNION ALL
        SELECT (
            SELECT language FROM catalog_item WHERE NOT hidden AND language > found.language ORDER BY language LIMIT 1
        )
        FROM found WHERE found.language IS NOT NULL
    )
    SELECT language FROM found WHERE language IS NOT NULL
"""


class ItemQuerySet(models.QuerySet["Item"]):
    def visible(self) -> ItemQuerySet:
        """Items that nobody has hidden."""
        return self.filter(hidden=False)

    def published(self, now: datetime) -> ItemQuerySet:
        """Items that may be shown to readers now: visible, and not dated in the future."""
        return self.visible().filter(published_at__lte=now)

    def newest_first(self) -> ItemQuerySet:
        return self.order_by("-published_at", "-pk")

    def languages(self) -> list[str]:
        """Language codes of all visible items, sorted. Skips along the index: DISTINCT would read every row."""
        with connection.cursor() as cursor:
            cursor.execute(_LANGUAGES_IN_USE)
            return [code for (code,) in cursor.fetchall()]

    def for_cards(self) -> ItemQuerySet:
        """Everything a card needs in two queries, and nothing heavy (bodies and search vectors stay in the
        database)."""
        return (
            self.select_related("author")
            .prefetch_related("topics")
            .defer("body", "search_vector", "title_words", "attributes")
        )


class Item(models.Model):
    """One thing that can be shown. `source` names where it came from; `external_id` is its key there."""

    source = models.CharField(max_length=40, default="site", help_text="Which catalogue it came from.")
    external_id = models.CharField(max_length=200, help_text="Its key in that catalogue.")
    slug = models.SlugField(max_length=140, unique=True, allow_unicode=True)
    title = models.CharField(max_length=TITLE_MAX_CHARS)
    summary = models.TextField(blank=True)
    body = models.TextField(blank=True)
    language = models.CharField(max_length=12, default="en")
    author = models.ForeignKey(Author, on_delete=models.SET_NULL, null=True, blank=True, related_name="items")
    topics = models.ManyToManyField(Topic, through="ItemTopic", related_name="items")
    published_at = models.DateTimeField()
    image = models.CharField(max_length=URL_MAX_CHARS, blank=True)
    link = models.CharField(max_length=URL_MAX_CHARS, blank=True)
    attributes = models.JSONField(default=dict, blank=True)
    hidden = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    search_vector = models.GeneratedField(
        expression=ItemSearchVector("title", "summary", "body", "language"),
        output_field=SearchVectorField(),
        db_persist=True,
    )
    title_words = models.GeneratedField(
        expression=TitleWords("title"), output_field=SearchVectorField(), db_persist=True
    )
    body_chars = models.GeneratedField(expression=Length("body"), output_field=models.IntegerField(), db_persist=True)

    objects = ItemQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["source", "external_id"], name="item_external_id_once_per_source"),
            models.CheckConstraint(name="item_external_id_not_blank", condition=~models.Q(external_id="")),
            models.CheckConstraint(name="item_title_not_blank", condition=~models.Q(title="")),
            models.CheckConstraint(name="item_slug_not_blank", condition=~models.Q(slug="")),
            models.CheckConstraint(name="item_language_is_a_code", condition=models.Q(language__regex=LANGUAGE_CODE)),
            models.CheckConstraint(
                name="item_image_is_http", condition=models.Q(image="") | models.Q(image__iregex=HTTP_URL)
            ),
            models.CheckConstraint(
                name="item_link_is_http", condition=models.Q(link="") | models.Q(link__iregex=HTTP_URL)
            ),
            models.CheckConstraint(
                name="item_summary_not_too_long",
                condition=models.lookups.LessThanOrEqual(Length("summary"), SUMMARY_MAX_CHARS),
            ),
            models.CheckConstraint(
                name="item_body_not_too_long",
                condition=models.lookups.LessThanOrEqual(Length("body"), BODY_MAX_CHARS),
            ),
        ]
        indexes: ClassVar = [
            GinIndex(fields=["search_vector"], name="item_search"),
            GinIndex(fields=["title_words"], name="item_title_words"),
            models.Index(fields=["-published_at", "-id"], name="item_newest_visible", condition=models.Q(hidden=False)),
            models.Index(
                fields=["language", "-published_at", "-id"],
                name="item_newest_in_language",
                condition=models.Q(hidden=False),
            ),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("item", args=[self.slug])


class ItemTopic(models.Model):
    item = models.ForeignKey(Item, on_delete=models.CASCADE, db_index=False)
    topic = models.ForeignKey(Topic, on_delete=models.CASCADE, db_index=False)

    class Meta:
        constraints: ClassVar = [
            # Both foreign keys are covered by these two, so neither has an index of its own.
            models.UniqueConstraint(fields=["item", "topic"], name="item_topic_once"),
        ]
        indexes: ClassVar = [models.Index(fields=["topic", "item"], name="item_topic_by_topic")]

    def __str__(self) -> str:
        return f"{self.item_id} in {self.topic_id}"


class Reader(models.Model):
    """Whoever browses, signed in or not. `public_id` is what the signed cookie carries."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, blank=True, related_name="reader"
    )
    external_id = models.CharField(
        max_length=200, unique=True, null=True, blank=True, help_text="Its key in the system that sends us its events."
    )
    languages = ArrayField(models.CharField(max_length=12), default=list, blank=True)
    country = models.CharField(max_length=2, blank=True, help_text="ISO 3166-1 alpha-2, only if the reader shared it.")
    followed_topics = models.ManyToManyField(Topic, blank=True, related_name="followers")
    followed_authors = models.ManyToManyField(Author, blank=True, related_name="followers")
    attributes = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField()
    personalised = models.BooleanField(
        default=True, help_text="Off: popular and fresh items only, and nothing of it is learned from."
    )
    welcomed_at = models.DateTimeField(
        null=True, blank=True, help_text="When the first-visit choice was made or skipped."
    )

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="reader_country_is_a_code", condition=models.Q(country="") | models.Q(country__regex="^[A-Z]{2}$")
            ),
        ]

    def __str__(self) -> str:
        return str(self.public_id)


class ReaderMerge(models.Model):
    """An old reader id that became another reader, so that a cookie kept by a second browser still finds its owner."""

    old_public_id = models.UUIDField(primary_key=True)
    reader = models.ForeignKey(Reader, on_delete=models.CASCADE, related_name="merged_from")
    merged_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.old_public_id} became {self.reader_id}"
