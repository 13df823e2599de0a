"""Made-up readers on the real site: what they send, what the log then holds, and that two runs are alike."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.core import signals
from django.core.cache import cache
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, connection, transaction
from pytest_django.fixtures import Settings

from catalog.models import Item, Reader
from feedback.models import Interaction, Slate, View
from recsite import clock
from recsite.management.commands import simulate
from simulation.__main__ import main
from simulation.clocks import HEADER, SignedClock
from simulation.history_files import read_world
from simulation.in_process import transport_to
from simulation.offer import WorldItem
from simulation.people import Connect
from simulation.run import Run, RunOptions
from simulation.truth import Truth
from simulation.visit import Told
from simulation.worlds import load_world
from tests.recsite.faults.web import serving

FROM = datetime(2026, 3, 1, tzinfo=UTC)
READERS, DAYS, ITEMS = 4, 2, 150
EVENTS = "/api/v1/events"


@dataclass
class Request:
    method: str
    path: str
    query: str
    headers: httpx.Headers
    body: str
    status: int


class Watched(httpx.BaseTransport):
    """Keeps what passes through to the site."""

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self._inner = inner
        self.requests: list[Request] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = self._inner.handle_request(request)
        body = request.read().decode()
        url = request.url
        self.requests.append(
            Request(request.method, url.path, url.query.decode(), request.headers, body, response.status_code)
        )
        return response

    def reports(self) -> list[dict[str, Any]]:
        return [json.loads(one.body) for one in self.requests if one.path == EVENTS]


@pytest.fixture
def in_process(settings: Settings) -> Iterator[None]:
    """Requests of a test's own thread may not close its connection, as Django's test client has it."""
    settings.SIMULATION, settings.ALLOWED_HOSTS = True, ["127.0.0.1"]
    settings.EXPLORATION_SHARE = 0.1
    for signal in (signals.request_started, signals.request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (signals.request_started, signals.request_finished):
        signal.connect(close_old_connections)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("world")
    sizes = ["--items", str(ITEMS), "--days", str(DAYS), "--until", FROM.isoformat()]
    assert main(["catalogue", "--out", str(out), "--seed", "1", "--world", "default", *sizes]) == 0
    return out


def import_world(world: Path) -> None:
    call_command("import_catalog", str(world / "items.jsonl"), "--format", "jsonl", "--rejects", "/dev/null")


def to_wsgi() -> Watched:
    return Watched(transport_to(get_wsgi_application()))


def connecting(transport: httpx.BaseTransport, address: str = "http://127.0.0.1") -> Connect:
    return lambda: httpx.Client(transport=transport, base_url=address, timeout=60)


def played(
    connect: Connect, items: list[WorldItem], *, seed: int = 1, folder: Path | None = None, days: int = DAYS
) -> list[Told]:
    options = RunOptions(seed, load_world("default"), READERS, days, FROM, folder)
    run = Run(options, items=items, connect=connect, clock=SignedClock(simulate.clock_key()))
    return [told for day in run.days() for told in day]


def log_rows() -> list[tuple[Any, ...]]:
    """All that readers saw and did, with titles in place of ids, which differ from run to run."""
    titles = dict(Item.objects.values_list("pk", "title"))
    slates = [
        (one.served_at, one.surface, one.policy, one.columns, one.first_position, [titles[pk] for pk in one.items])
        for one in Slate.objects.order_by("served_at", "surface")
    ]
    shown = dict(Slate.objects.values_list("pk", "served_at"))
    views = [
        (shown[one.slate_id], one.position, titles[one.item_id], one.viewed_at, one.received_at)
        for one in View.objects.all()
    ]
    acts = [
        (
            one.happened_at,
            one.received_at,
            one.undone_at,
            one.kind,
            titles.get(one.item_id or 0, ""),
            one.topic.slug if one.topic else "",
            one.query or "",
            one.dwell_ms or 0,
            one.surface,
            one.position,
            one.event_id,
            shown.get(one.slate_id) if one.slate_id else None,
        )
        for one in Interaction.objects.select_related("topic")
    ]
    return [*map(repr, slates), *sorted(map(repr, views)), *sorted(map(repr, acts))]


def undone(run: Callable[[], list[tuple[Any, ...]]]) -> list[tuple[Any, ...]]:
    """What `run` returns; what it wrote is taken back."""
    cache.clear()
    with transaction.atomic():
        found = run()
        transaction.set_rollback(True)
    return found


# --- what is sent ---


def test_the_clock_is_signed_as_the_site_signs_it() -> None:
    moment = FROM + timedelta(hours=7, milliseconds=123)
    assert SignedClock(simulate.clock_key()).headers(moment) == {clock.HEADER: clock.sign(moment)}
    assert HEADER == clock.HEADER


@pytest.mark.django_db
def test_reports_have_the_form_of_a_browsers_and_all_are_accepted(in_process: None, world: Path) -> None:
    import_world(world)
    transport = to_wsgi()
    played(connecting(transport), read_world(world))
    reports = transport.reports()
    events = [event for report in reports for event in report["events"]]
    assert {tuple(event) for event in events} == {
        ("kind", "token", "id", "age_ms"),
        ("kind", "value", "token", "id", "age_ms"),
    }
    assert {event["kind"] for event in events} <= {"view", "dwell", "outbound"}
    assert all(0 < len(report["events"]) <= 50 for report in reports)
    assert all(re.fullmatch(r"[0-9a-f-]{36}", event["id"]) for event in events)
    assert {one.status for one in transport.requests} <= {200, 302}
    posts = [one for one in transport.requests if one.method == "POST"]
    assert {one.headers["Origin"] for one in posts} == {"http://127.0.0.1"}
    told = {event["id"] for event in events if event["kind"] == "view"}
    assert View.objects.count() == len(told) > 50
    assert not Interaction.objects.filter(excluded__isnull=False).exists()


@pytest.mark.django_db
def test_a_card_is_seen_a_second_after_it_came_and_reported_a_second_later(in_process: None, world: Path) -> None:
    import_world(world)
    transport = to_wsgi()
    played(connecting(transport), read_world(world), days=1)
    first = transport.reports()[0]
    assert {(event["kind"], event["age_ms"]) for event in first["events"]} == {("view", 1000)}
    slates = {one.pk: one for one in Slate.objects.filter(surface="home")}
    waited = [one.viewed_at - slates[one.slate_id].served_at for one in View.objects.all() if one.slate_id in slates]
    assert min(waited) == timedelta(seconds=1)


@pytest.mark.django_db
def test_clicks_are_logged_by_the_cards_own_links_and_all_that_readers_did_is_in_the_log(
    in_process: None, world: Path
) -> None:
    import_world(world)
    transport = to_wsgi()
    told = played(connecting(transport), read_world(world))
    clicks = Interaction.objects.filter(kind="click")
    assert clicks.count() == sum(len(one.opened) for one in told) > 0
    assert not clicks.filter(slate_id=None).exists()
    assert not any(one.path == EVENTS and '"kind":"click"' in one.body for one in transport.requests)
    for kind, names in (("like", "liked"), ("save", "saved"), ("dismiss", "dismissed")):
        standing = Interaction.objects.standing().filter(kind=kind)
        assert standing.count() == sum(len(getattr(one, names)) for one in told), kind
        assert not standing.filter(slate_id=None).exists()
    # Reading is told in pieces of at most 15 seconds and the rest on leaving; the sum is what was read.
    dwells = Interaction.objects.filter(kind="dwell")
    assert {one.slate_id for one in dwells} <= set(clicks.values_list("slate_id", flat=True))
    assert max(dwells.values_list("dwell_ms", flat=True)) <= 15_000
    newcomers = Reader.objects.filter(welcomed_at__isnull=False).count()
    assert newcomers == len({one.reader for one in told})


@pytest.mark.django_db
def test_further_pages_come_by_the_pages_own_link_and_continue_its_positions(in_process: None, world: Path) -> None:
    import_world(world)
    transport = to_wsgi()
    played(connecting(transport), read_world(world))
    further = [one for one in transport.requests if "cursor=" in one.query]
    assert further
    assert {one.headers["HX-Request"] for one in further} == {"true"}
    assert Slate.objects.filter(surface="home", first_position__gt=0).count() == len(further)


# --- two runs ---


@pytest.mark.django_db
def test_two_runs_of_one_seed_are_identical_and_another_seed_is_another_story(in_process: None, world: Path) -> None:
    import_world(world)
    items = read_world(world)

    def run(seed: int) -> list[tuple[Any, ...]]:
        played(connecting(to_wsgi()), items, seed=seed)
        return log_rows()

    first = undone(lambda: run(1))
    assert len(first) > 100
    assert undone(lambda: run(1)) == first
    assert undone(lambda: run(2)) != first


@pytest.mark.django_db
def test_the_truth_of_what_was_never_shown_changes_nothing(in_process: None, world: Path) -> None:
    """And neither does its loss: nobody asks for it."""
    import_world(world)
    items = read_world(world)

    def run(items: list[WorldItem]) -> list[tuple[Any, ...]]:
        played(connecting(to_wsgi()), items)
        shown.update(pk for slate in Slate.objects.all() for pk in slate.items)
        return log_rows()

    shown: set[int] = set()
    first = undone(lambda: run(items))
    seen = set(Item.objects.filter(pk__in=shown).values_list("title", flat=True))
    assert len(seen) < len(items)
    nobodys = Truth((1.0, *[0.0] * 11), 0.01, "bait")
    scrambled = [item if item.title in seen else replace(item, truth=nobodys) for item in items]
    assert undone(lambda: run(scrambled)) == first


@pytest.mark.django_db
def test_a_run_that_was_stopped_goes_on_as_if_it_had_not_been(in_process: None, world: Path, tmp_path: Path) -> None:
    import_world(world)
    items = read_world(world)

    def at_once() -> list[tuple[Any, ...]]:
        played(connecting(to_wsgi()), items, folder=tmp_path / "once")
        return log_rows()

    def in_two() -> list[tuple[Any, ...]]:
        played(connecting(to_wsgi()), items, folder=tmp_path / "twice", days=1)
        played(connecting(to_wsgi()), items, folder=tmp_path / "twice")
        return log_rows()

    assert undone(in_two) == undone(at_once)
    names = sorted(path.name for path in (tmp_path / "once").iterdir())
    assert names == ["readers-truth.jsonl", "state.json", "visits-0001.jsonl", "visits-0002.jsonl"]


@pytest.mark.django_db(transaction=True)
def test_real_http_and_the_transport_in_this_process_give_the_same_log(
    settings: Settings, world: Path, tmp_path: Path
) -> None:
    settings.SIMULATION, settings.ALLOWED_HOSTS = True, ["127.0.0.1"]
    import_world(world)
    items = read_world(world)
    with serving(tmp_path / "web") as web:
        cache.clear()
        played(connecting(httpx.HTTPTransport(), web.address), items)
        by_http = log_rows()
    _forget_what_readers_did()
    played(connecting(to_wsgi()), items)
    assert log_rows() == by_http


def _forget_what_readers_did() -> None:
    cache.clear()
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE feedback_slate, feedback_slatedetail, feedback_view, catalog_reader CASCADE")
