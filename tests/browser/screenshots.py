"""Pictures of every page, phone to desktop, light and dark: `python -m tests.browser.screenshots [--out FOLDER]`."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright
from tqdm import tqdm

from recsite.onemachine.services import local_services
from tests.browser.site import CHROMIUM_OPTIONS, HOW_TO_GET_ONE, Site, find_chromium, running_site
from tests.browser.staff.addresses import PAGES, address, log_in

WIDTHS = {390: 844, 834: 1112, 1440: 900}
STAFF_WIDTHS = {1280: 900, 1440: 900}
SCHEMES = ("light", "dark")
FAVOURITES = (0, 3, 5)
"""Which of the topics offered are chosen: three are enough."""
Scene = Callable[[Page], None]


def first_visit(page: Page) -> None:
    page.goto("/")


def feed(page: Page) -> None:
    page.goto("/")
    for place in FAVOURITES:
        page.locator("input[name=topics]").nth(place).check(force=True)
    page.get_by_role("button", name="Done").click()
    page.get_by_role("heading", name="For you").wait_for()


def card_menu(page: Page) -> None:
    feed(page)
    card = page.locator("[data-feed] [data-item]").first
    card.hover()
    card.locator("details[data-menu] > summary").first.click()


def why_this(page: Page) -> None:
    card_menu(page)
    page.get_by_text("Why this?").first.click()


def hidden_card(page: Page) -> None:
    card_menu(page)
    page.get_by_role("button", name="Not interested").first.click()
    page.locator(".card-gone").wait_for()


def dismissed(page: Page) -> None:
    feed(page)
    for index, kind in enumerate(["dismiss", "dismiss", "dismiss", "hide_author", "hide_topic"]):
        card = page.locator("[data-feed] [data-item]").nth(index)
        card.hover()
        card.locator("details[data-menu] > summary").first.click()
        card.locator(f"button[value={kind}]").click()
        card.locator(".card-gone").wait_for()
    page.goto("/dismissed/")


def item(page: Page) -> None:
    feed(page)
    page.locator("[data-feed] .card-title a").nth(2).click()
    page.get_by_role("heading", level=1).wait_for()


def item_menu(page: Page) -> None:
    item(page)
    page.locator("form.like button").first.click()
    page.locator("form.like button[aria-pressed=true]").first.wait_for()
    page.locator(".story details[data-menu] > summary").click()


def saved(page: Page) -> None:
    feed(page)
    for index in range(5):
        card = page.locator("[data-feed] [data-item]").nth(index)
        card.locator("form.save button").click()
        card.locator("form.save button[aria-pressed=true]").wait_for()
    page.goto("/saved/")


def history(page: Page) -> None:
    feed(page)
    for index in range(4):
        page.locator("[data-feed] .card-title a").nth(index).click()
        page.get_by_role("heading", level=1).wait_for()
        page.goto("/")
    page.goto("/history/")


def at(address: str) -> Scene:
    def scene(page: Page) -> None:
        page.goto(address)

    return scene


SCENES: dict[str, Scene] = {
    "first-visit": first_visit,
    "feed": feed,
    "card-menu": card_menu,
    "why-this": why_this,
    "hidden-card": hidden_card,
    "item": item,
    "item-menu": item_menu,
    "saved": saved,
    "history": history,
    "dismissed": dismissed,
    "search": at("/search/?q=bread"),
    "search-nothing": at("/search/?q=xyzzyplugh"),
    "topics": at("/topics/"),
    "topic": at("/topics/jazz/"),
    "following": at("/following/"),
    "account": at("/account/"),
    "sign-up": at("/account/signup/"),
    "log-in": at("/account/login/"),
    "not-found": at("/nowhere/"),
    "offline": at("/offline/"),
}


def take_all(browser: Browser, site: Site, out: Path) -> int:
    """One file a scene, width and scheme. Returns how many."""
    out.mkdir(parents=True, exist_ok=True)
    wanted = [(name, width, scheme) for name in SCENES for width in WIDTHS for scheme in SCHEMES]
    for name, width, scheme in tqdm(wanted, disable=not sys.stderr.isatty()):
        context = browser.new_context(
            base_url=site.address,
            locale="en-GB",
            color_scheme=scheme,
            viewport={"width": width, "height": WIDTHS[width]},
            reduced_motion="reduce",
        )
        page = context.new_page()
        SCENES[name](page)
        page.wait_for_load_state("networkidle")
        page.screenshot(path=out / f"{name}-{width}-{scheme}.png")
        context.close()
    return len(wanted)


def take_staff(browser: Browser, site: Site, out: Path) -> int:
    """The same of the staff pages, whole, of a site with a release and two days of visits. Returns how many."""
    wanted = [(width, scheme) for width in STAFF_WIDTHS for scheme in SCHEMES]
    for width, scheme in tqdm(wanted, disable=not sys.stderr.isatty()):
        context = browser.new_context(
            base_url=site.address,
            locale="en-GB",
            color_scheme=scheme,
            viewport={"width": width, "height": STAFF_WIDTHS[width]},
            reduced_motion="reduce",
        )
        page = context.new_page()
        log_in(page)
        for name in PAGES:
            page.goto(address(name, site))
            page.wait_for_load_state("networkidle")
            page.screenshot(path=out / f"staff-{name.replace(' ', '-')}-{width}-{scheme}.png", full_page=True)
        context.close()
    return len(wanted) * len(PAGES)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.browser.screenshots", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("var/screenshots"), help="folder for the pictures")
    out = parser.parse_args().out
    chromium = find_chromium()
    if chromium is None:
        print(f"No Chromium found. {HOW_TO_GET_ONE}", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="recsite-pictures-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        with local_services(folder) as services, sync_playwright() as playwright:
            urls = {"database_url": services.database_url, "redis_url": services.redis_url}
            browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_OPTIONS)
            with running_site(**urls, folder=folder / "site") as site:
                taken = take_all(browser, site, out)
            with running_site(**urls, folder=folder / "staffed", staffed=True) as site:
                taken += take_staff(browser, site, out)
            print(f"{taken} pictures are in {out}.")
            browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
