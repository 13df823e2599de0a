"""Redis and PostgreSQL, gone and back again."""

from __future__ import annotations

import os
import signal

from django.db import connection

from recsite.models import Release
from recsite.onemachine.services import POSTGRES, REDIS, LocalServices
from recsite.releases.registry import promote
from recsite.releases.store import ArtefactStore
from tests.recsite.faults.web import Web, served, wait_served
from tests.recsite.funnel.world import boosted_ranker
from tests.recsite.releases.stored import AT, stored_release
from tests.waiting import wait_until


def test_a_redis_that_hangs_or_is_gone_costs_no_page_and_no_release(
    servers: LocalServices, web: Web, live: Release, files: ArtefactStore
) -> None:
    with web.readers():
        os.kill(servers.process_id(REDIS), signal.SIGSTOP)
        try:
            assert served(web) == (live.pk, None)
        finally:
            os.kill(servers.process_id(REDIS), signal.SIGCONT)
        servers.stop_one(REDIS)
        try:
            assert served(web) == (live.pk, None)
            new = promote(stored_release(files, boosted_ranker()), by="test", reason="better", now=AT)
            wait_served(web, (new.pk, None))
        finally:
            servers.start_one(REDIS)
        assert served(web) == (new.pk, None)


def test_without_postgres_the_answer_is_503_and_pages_come_back_with_it(
    servers: LocalServices, web: Web, live: Release, files: ArtefactStore
) -> None:
    assert served(web) == (live.pk, None)
    new = stored_release(files, boosted_ranker())
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]
    servers.stop_one(POSTGRES)
    try:
        page = web.get("/")
        assert (page.status_code, page.headers["Retry-After"]) == (503, "10")
        assert "<h1" in page.text
        told = web.get("/api/v1/feed")
        assert (told.status_code, told.headers["Retry-After"], told.json()["reason"]) == (503, "10", "unavailable")
        assert web.get("/healthz").status_code == 200
        assert web.get("/readyz").status_code == 503
    finally:
        servers.start_one(POSTGRES)
    wait_until(lambda: web.get("/").status_code == 200, "pages again", found=web.log)
    assert served(web) == (live.pk, None)
    promote(new, by="test", reason="better", now=AT)
    wait_served(web, (new.pk, None))
