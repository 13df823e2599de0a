"""A request becomes a page of the home feed: by the live release, or by whatever is left when that cannot be.

In order: the release that the visit began with, the live one, the one before it, popular and fresh by rules, newest.
What served is on the slate, with the reason. Only a database that does not answer is let through: without it there is
no page. Items like another are in `recsite.similar`; what is served is recorded by `recsite.slate_log`.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections.abc import Iterator
from datetime import datetime

from django.conf import settings
from django.db import InterfaceError, OperationalError

from recsite import slates
from recsite.metrics import FALLBACKS, SERVING_SECONDS
from recsite.mix import serve_mix, serve_newest
from recsite.personal_page import NoCandidates, Page, PageRequest, make_page
from recsite.personal_slate import slate_of
from recsite.pins import board
from recsite.reader_state import ReaderState
from recsite.releases.live import Serving, shelf
from recsite.slates import Slate
from recsite.source_watch import SourceWatch

logger = logging.getLogger(__name__)

_SEED_BITS = 63
_watch = SourceWatch()


def serve_home(
    *,
    state: ReaderState,
    shown: tuple[int, ...],
    now: datetime,
    limit: int,
    columns: int | None = None,
    pinned: int | None = None,
) -> Slate:
    """The next `limit` items of the home feed, none of them consumed or among `shown` (item ids, in the order shown).

    columns: of the grid of cards, where the browser said.  pinned: the release that the visit began with.
    """
    asked = PageRequest(
        state=state,
        shown=shown,
        now=now,
        size=limit,
        columns=columns,
        exploration_share=settings.EXPLORATION_SHARE,
        outside_share=settings.EXPLORATION_OUTSIDE_SHARE,
        seed=_seed(now),
        pinned=board().at(now),
    )
    if not state.personalised:
        return _by_rules(asked, slates.PERSONALISATION_OFF)
    why = None
    for serving in _servings(pinned):
        slate, went_wrong = _by_release(serving, asked, fallback=why or serving.fallback)
        if slate is not None:
            return _counted(slate)
        why = why or went_wrong
    return _counted(_by_rules(asked, why or slates.NO_RELEASE))


def recommend(*, state: ReaderState, serving: Serving, now: datetime, limit: int, columns: int | None = None) -> Page:
    """What this release would show, with everything that made it: not recorded or measured, and nothing left to
    chance.

    Raises NoCandidates, and whatever goes wrong in the release.
    """
    asked = PageRequest(
        state=state, shown=(), now=now, size=limit, columns=columns, pinned=board().at(now), measured=False
    )
    return make_page(serving.funnel, asked)


def _servings(pinned: int | None) -> Iterator[Serving]:
    """Releases that may serve, each once, in the order in which they are tried."""
    kept = shelf()
    kept.ensure_watching()
    tried = set()
    for find in (lambda: None if pinned is None else kept.of_release(pinned), kept.current, kept.previous):
        serving = find()
        if serving is not None and serving.release_id not in tried:
            tried.add(serving.release_id)
            yield serving


def _seed(now: datetime) -> int:
    """Nobody can foretell it; but in a simulation it is the moment's, so that two runs of one world are alike."""
    if settings.SIMULATION:
        digest = hashlib.blake2b(now.isoformat().encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big") >> (64 - _SEED_BITS)
    return secrets.randbits(_SEED_BITS)


def _by_release(serving: Serving, asked: PageRequest, *, fallback: str | None) -> tuple[Slate | None, str]:
    """The slate; None where this release cannot, and why."""
    try:
        page = make_page(serving.funnel, asked, _watch)
        return slate_of(page, release=serving.release_id, fallback=fallback), ""
    except (OperationalError, InterfaceError):
        raise
    except NoCandidates:
        return None, slates.NO_CANDIDATES_LEFT
    except Exception:  # whatever is wrong with a release, another one or rules can make a page
        logger.exception("a release does not serve", extra={"release": serving.release_id})
        shelf().need_previous()
        return None, slates.RELEASE_FAILED


def _by_rules(asked: PageRequest, fallback: str) -> Slate:
    state, shown, now, limit = asked.state, asked.shown, asked.now, asked.size
    with SERVING_SECONDS.labels("rules").time():
        try:
            return serve_mix(state=state, shown=shown, now=now, limit=limit, fallback=fallback, pinned=asked.pinned)
        except (OperationalError, InterfaceError):
            raise
        except Exception:  # what is popular may be broken, dates are not
            logger.exception("popular and fresh do not serve")
            return serve_newest(state=state, shown=shown, now=now, limit=limit, fallback=slates.RULES_FAILED)


def _counted(slate: Slate) -> Slate:
    if slate.policy.fallback is not None:
        FALLBACKS.labels(slate.policy.fallback).inc()
    return slate
