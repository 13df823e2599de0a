"""Whether a site can be used by readers who live in simulated time."""

from __future__ import annotations

from datetime import datetime

import httpx

from simulation.clocks import HEADER, SignedClock

PATH = "/topics/"
"""A page that asks who is reading, and records nothing."""


class SiteNotReady(RuntimeError):
    """What is wrong with the site, and what to do."""


def require_simulated_time(client: httpx.Client, clock: SignedClock, now: datetime) -> None:
    """Raises SiteNotReady unless the site goes by our clock."""
    forged = _ask(client, {HEADER: "a time that nobody signed"})
    if forged.status_code != httpx.codes.BAD_REQUEST:
        raise SiteNotReady(
            f"{client.base_url} does not heed the simulated clock (it answers {forged.status_code}). "
            "Start it with SIMULATION=1: its log gets made-up readers, so let it be a site of its own."
        )
    signed = _ask(client, clock.headers(now))
    if not signed.is_success:
        raise SiteNotReady(
            f"{client.base_url} does not accept our signature (it answers {signed.status_code}). "
            "Run this with the SECRET_KEY that the site has."
        )


def require_answer(client: httpx.Client) -> None:
    """Raises SiteNotReady unless the site answers with a page."""
    answer = _ask(client, {})
    if not answer.is_success:
        raise SiteNotReady(f"{client.base_url} answers {answer.status_code}, which is no page.")


def _ask(client: httpx.Client, headers: dict[str, str]) -> httpx.Response:
    try:
        return client.get(PATH, headers=headers)
    except httpx.TransportError as error:
        raise SiteNotReady(f"nobody answers at {client.base_url} ({error}). Start the site first.") from error
