"""Pages for programs: covers, robots, sitemaps, Atom feeds, the service worker, the offline page that it keeps."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.contrib.sitemaps import Sitemap
from django.contrib.syndication.views import Feed
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.templatetags.static import static
from django.urls import reverse
from django.utils.feedgenerator import Atom1Feed
from django.utils.html import escape
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from catalog.models import Item, Topic
from recsite import clock
from recsite.covers import cover_svg

FEED_ENTRIES = 50
COVER_AGE_S = 30 * 24 * 3600
CLOSED_TO_ROBOTS = (
    "/account/",
    "/saved/",
    "/dismissed/",
    "/history/",
    "/following/",
    "/welcome/",
    "/search/",
    "/staff/",
    "/admin/",
    "/api/",
)


@require_safe
@cache_control(public=True, max_age=COVER_AGE_S)
def cover(_request: HttpRequest, topic_slug: str, key: str) -> HttpResponse:
    """The generated cover of an item: drawn from its address alone, so that it needs no database and can be cached
    anywhere."""
    return HttpResponse(cover_svg(topic_slug, key), content_type="image/svg+xml")


@require_safe
def favicon(_request: HttpRequest) -> HttpResponse:
    """For pages that do not name one, such as the admin's: browsers then ask for this address."""
    return redirect(static("favicon.svg"))


@require_safe
def robots(request: HttpRequest) -> HttpResponse:
    lines = ["User-agent: *", *(f"Disallow: {path}" for path in CLOSED_TO_ROBOTS)]
    lines.append(f"Sitemap: {request.build_absolute_uri(reverse('sitemap'))}")
    return HttpResponse("\n".join(lines) + "\n", content_type="text/plain")


@require_safe
@cache_control(max_age=0)
def service_worker(request: HttpRequest) -> HttpResponse:
    """Served from the root, because a worker governs only pages below its own address."""
    return render(request, "sw.js", content_type="text/javascript")


@require_safe
def offline(request: HttpRequest) -> HttpResponse:
    return render(request, "pages/offline.html")


class ItemSitemap(Sitemap):
    limit = 10_000

    def items(self) -> QuerySet[Item, Item]:
        published = Item.objects.published(clock.now())
        return published.only("slug", "updated_at").order_by("pk")

    def lastmod(self, item: Item) -> datetime:
        return item.updated_at


class TopicSitemap(Sitemap):
    def items(self) -> QuerySet[Topic, Topic]:
        return Topic.objects.order_by("pk")


SITEMAPS: dict[str, type[Sitemap]] = {"items": ItemSitemap, "topics": TopicSitemap}


class NewestItems(Feed):
    """The newest items, as Atom."""

    feed_type = Atom1Feed
    subtitle = settings.SITE_TAGLINE

    def title(self, topic: Topic | None) -> str:
        return f"{settings.SITE_NAME}: {topic.name}" if topic else settings.SITE_NAME

    def link(self, topic: Topic | None) -> str:
        return topic.get_absolute_url() if topic else reverse("home")

    def items(self, topic: Topic | None) -> QuerySet[Item, Item]:
        items = Item.objects.published(clock.now()).for_cards()
        if topic is not None:
            items = items.filter(topics=topic)
        return items.newest_first()[:FEED_ENTRIES]

    def item_title(self, item: Item) -> str:
        return item.title

    def item_description(self, item: Item) -> str:
        """Atom summaries are HTML: a feed reader would run what stands in an unescaped one."""
        return escape(item.summary)

    def item_pubdate(self, item: Item) -> datetime:
        return item.published_at

    def item_updateddate(self, item: Item) -> datetime:
        return item.updated_at

    def item_author_name(self, item: Item) -> str | None:
        return item.author.name if item.author else None

    def item_categories(self, item: Item) -> list[str]:
        return [topic.name for topic in item.topics.all()]


class NewestItemsOfTopic(NewestItems):
    def get_object(self, _request: HttpRequest, slug: str) -> Topic:
        return get_object_or_404(Topic, slug=slug)


class NewestItemsOfAll(NewestItems):
    def get_object(self, _request: HttpRequest) -> None:
        return None
