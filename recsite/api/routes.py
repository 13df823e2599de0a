"""The calls of the API. Their names, parameters and answers are a promise to other people's programs."""

from __future__ import annotations

from typing import Annotated, Any

from django.http import HttpResponse, JsonResponse
from ninja import NinjaAPI, Path, Query

from recsite.api.authentication import SERVER_KEY, caller_of
from recsite.api.bodies import read_entries
from recsite.api.documentation import DocumentationPage
from recsite.api.events import report_events
from recsite.api.feed import feed_page, similar_to
from recsite.api.items import put_items
from recsite.api.problems import speak_of_problems
from recsite.api.readers import put_readers
from recsite.api.schemas import (
    FEED_LIMIT_MAX,
    RECORDS_MAX,
    EventResults,
    Events,
    FeedPage,
    Items,
    Problem,
    Readers,
    RecordResults,
    SimilarItems,
    body_of,
)
from recsite.requests import SiteRequest

RECORDS_BODY_MAX_BYTES = 16 * 1024 * 1024

FEED_LIMIT = 24
SIMILAR_LIMIT = 8

ReaderOfServer = Annotated[
    str | None, Query(description="For whom a server calls: the id it has for the reader. Needs an API key.")
]
Cursor = Annotated[str, Query(description="`next` of the page before; nothing for the first page.")]
Limit = Annotated[int, Query(ge=1, le=FEED_LIMIT_MAX, description="How many items at most.")]
ItemId = Annotated[int, Path(description="An item's `id`.")]

BROWSER_OR_SERVER: list[dict[str, list[str]]] = [{"ServerKey": []}, {}]

api = NinjaAPI(
    title="Feed API",
    version="1",
    description=(
        "What a reader should see next, and what they then did. A browser is known by the cookie that any page of the"
        " site sets; a server sends `Authorization: Bearer KEY` and names the reader it calls for in `reader=`."
    ),
    urls_namespace="api",
    docs=DocumentationPage(),
)
speak_of_problems(api)


@api.get(
    "/feed",
    response={200: FeedPage, frozenset({401, 403, 422, 503}): Problem},
    url_name="feed",
    operation_id="get_feed",
    summary="The next page of a reader's feed",
    tags=["Reading"],
    openapi_extra={"security": BROWSER_OR_SERVER},
)
def get_feed(
    request: SiteRequest, limit: Limit = FEED_LIMIT, cursor: Cursor = "", reader: ReaderOfServer = None
) -> dict[str, Any]:
    return feed_page(caller=caller_of(request, reader), cursor=cursor, limit=limit, now=request.now)


@api.get(
    "/items/{id}/similar",
    response={200: SimilarItems, frozenset({401, 403, 404, 422, 503}): Problem},
    url_name="similar",
    operation_id="get_similar_items",
    summary="Items like this one",
    tags=["Reading"],
    openapi_extra={"security": BROWSER_OR_SERVER},
)
def get_similar_items(
    request: SiteRequest, id: ItemId, limit: Limit = SIMILAR_LIMIT, reader: ReaderOfServer = None
) -> dict[str, Any]:
    return similar_to(caller=caller_of(request, reader), item_id=id, limit=limit, now=request.now)


@api.post(
    "/events",
    response={200: EventResults, frozenset({401, 403, 413, 422, 429, 503}): Problem},
    url_name="events",
    operation_id="post_events",
    summary="Report what a reader saw and did",
    description=(
        "Each event is accepted, a duplicate, or refused with a reason; one that is refused does not touch the others,"
        " so an event that breaks this schema is answered with 200 and refused by name."
    ),
    tags=["Reading"],
    openapi_extra={"requestBody": body_of(Events), "security": BROWSER_OR_SERVER},
)
def post_events(request: SiteRequest, reader: ReaderOfServer = None) -> HttpResponse:
    return JsonResponse(report_events(request, caller_of(request, reader)))


@api.put(
    "/items",
    auth=SERVER_KEY,
    response={200: RecordResults, frozenset({401, 413, 422, 503}): Problem},
    url_name="items",
    operation_id="put_items",
    summary="Make or change items",
    description="By external id. A field left out stays as it is; null empties it. A bad record loses no other.",
    tags=["Catalogue"],
    openapi_extra={"requestBody": body_of(Items)},
)
def put_items_call(request: SiteRequest) -> HttpResponse:
    records = read_entries(request, "items", max_bytes=RECORDS_BODY_MAX_BYTES, max_entries=RECORDS_MAX)
    return JsonResponse({"results": [result.as_json() for result in put_items(records, now=request.now)]})


@api.put(
    "/readers",
    auth=SERVER_KEY,
    response={200: RecordResults, frozenset({401, 413, 422, 503}): Problem},
    url_name="readers",
    operation_id="put_readers",
    summary="Make or change readers",
    description="By external id. A field left out stays as it is; null empties it. A bad record loses no other.",
    tags=["Catalogue"],
    openapi_extra={"requestBody": body_of(Readers)},
)
def put_readers_call(request: SiteRequest) -> HttpResponse:
    records = read_entries(request, "readers", max_bytes=RECORDS_BODY_MAX_BYTES, max_entries=RECORDS_MAX)
    return JsonResponse({"results": [result.as_json() for result in put_readers(records, now=request.now)]})
