"""Where the staff pages are, on a site that `tests.browser.staff.planting` has filled."""

from __future__ import annotations

import re

from playwright.sync_api import Page
from psycopg import sql

from tests.browser.site import Site
from tests.browser.staff.planting import PASSWORD, STAFF

HOME = (
    "FROM feedback_slate WHERE excluded IS NULL AND release IS NOT NULL AND first_position = 0 ORDER BY id DESC LIMIT 1"
)
READER = f"SELECT reader_public_id::text {HOME}"
SLATE = f"SELECT id::text {HOME}"
MOST_SHOWN = "SELECT item_id FROM recsite_itemday GROUP BY item_id ORDER BY sum(served) DESC, item_id LIMIT 1"
RELEASE = "SELECT id FROM recsite_release WHERE state = 'live'"
TRAINING = "SELECT id FROM recsite_trainingrun ORDER BY id DESC LIMIT 1"
JOB_RUN = "SELECT id FROM recsite_jobrun ORDER BY id DESC LIMIT 1"
SCHEDULE = "SELECT id FROM django_celery_beat_periodictask WHERE name = 'keep-log'"

PAGES = {
    "overview": "/staff/",
    "readers": "/staff/readers/",
    "reader": f"/staff/readers/{{{READER}}}/",
    "slates": "/staff/slates/",
    "slate": f"/staff/slates/{{{SLATE}}}/",
    "slate position": f"/staff/slates/{{{SLATE}}}/?position=2",
    "items": "/staff/items/",
    "item": f"/staff/items/{{{MOST_SHOWN}}}/",
    "releases": "/staff/releases/",
    "release": f"/staff/releases/{{{RELEASE}}}/",
    "loop": "/staff/loop/",
    "jobs": "/staff/jobs/",
    "job": f"/staff/jobs/{{{SCHEDULE}}}/",
    "job run": f"/staff/jobs/runs/{{{JOB_RUN}}}/",
    "training": f"/staff/jobs/trainings/{{{TRAINING}}}/",
    "misses": "/staff/type-1-type-2/",
}
"""Addresses; in braces a question to the database."""


def address(name: str, site: Site) -> str:
    return re.sub(r"{(.*?)}", lambda found: str(one(site, found[1])), PAGES[name])


def one(site: Site, statement: str) -> object:
    rows = site.query(sql.SQL(statement))  # type: ignore[arg-type]
    assert rows, f"nothing is planted for: {statement}"
    return rows[0][0]


def log_in(page: Page, who: str = STAFF) -> None:
    page.goto("/account/login/")
    page.get_by_label("Email").fill(who)
    page.locator("input[type=password]").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/")
