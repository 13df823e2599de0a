"""What axe-core says of a page, and whether it fits its window."""

from __future__ import annotations

from collections.abc import Sequence

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

SERIOUS = {"serious", "critical"}


def findings(page: Page, *, within: Sequence[str] = ()) -> list[str]:
    """Serious and critical findings of axe-core, and the elements they are about.

    within: selectors of the parts to look at, instead of the whole page. Half the work is the contrast of every text,
    again and again on a page that was looked at before one part of it changed.
    """
    context = {"include": [[selector] for selector in within]} if within else None
    violations = Axe().run(page, context).response["violations"]
    return [
        f"{violation['id']}: {[node['html'][:160] for node in violation['nodes'][:3]]}"
        for violation in violations
        if violation["impact"] in SERIOUS
    ]


def sideways(page: Page) -> int:
    """By how many pixels the page is wider than the window."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))
