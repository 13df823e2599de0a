"""Pages of this folder stand still between a test's steps."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import NewContext
from tests.browser.reporting.still_page import still_page


@pytest.fixture
def page(new_context: NewContext) -> Page:
    """A reader whose time passes only when the test says so."""
    return still_page(new_context)
