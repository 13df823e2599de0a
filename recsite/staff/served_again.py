"""What a release would show today to the reader of a slate, as the site knew them when the slate was made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from catalog.models import Reader
from feedback.models import Slate
from feedback.surfaces import Excluded, Surface
from recsite.identity import find_reader
from recsite.personal_page import NoCandidates, PageRequest, make_page
from recsite.reader_state import ReaderState, read_state
from recsite.staff.loaded_releases import asking, serving_of


class NotServedAgain(Exception):
    """There is nothing to set beside this slate. Its text is a sentence for whoever looks at the page."""


@dataclass(frozen=True)
class ServedAgain:
    """doubts: sentences about what may make this another question than was asked then."""

    release_id: int
    item_ids: tuple[int, ...]
    doubts: tuple[str, ...]


def serve_again(slate: Slate, release_id: int, visit: Sequence[Slate]) -> ServedAgain:
    """Nothing is recorded, and nothing left to chance. visit: the slates of its visit, in their order.

    The reader and the moment are those of the slate; items and counts are those of today.
    Raises NotServedAgain and ReleaseUnavailable.
    """
    if slate.surface != Surface.HOME:
        raise NotServedAgain("Only pages of the home feed are made by a release.")
    if slate.excluded == Excluded.PERSONALISATION_OFF:
        raise NotServedAgain("The reader had personalisation switched off: no release would have been asked.")
    reader, doubts = _reader(slate)
    if reader is not None and not reader.personalised:
        raise NotServedAgain("The reader has switched personalisation off since: what they did is not looked at.")
    serving = serving_of(release_id)
    shown, all_shown = shown_before(slate, visit)
    if not all_shown:
        doubts.append("Earlier pages of the same scroll are not in the log, so their items may come again.")
    asked = PageRequest(
        state=_state(slate, reader, doubts),
        shown=shown,
        now=slate.known_until,
        size=len(slate.items),
        columns=slate.columns,
        measured=False,
    )
    try:
        with asking(release_id):
            page = make_page(serving.funnel, asked)
    except NoCandidates as nothing:
        raise NotServedAgain(f"Release {release_id} finds nothing to show: {nothing}") from nothing
    return ServedAgain(release_id, tuple(page.drawn.item_ids), tuple(doubts))


def shown_before(slate: Slate, visit: Sequence[Slate]) -> tuple[tuple[int, ...], bool]:
    """Items of the earlier pages of the same scroll, and whether those are all there: of pages that end where the next
    one begins the latest counts."""
    shown: list[int] = []
    begins = slate.first_position
    for page in sorted((each for each in visit if each.pk < slate.pk), key=lambda each: each.pk, reverse=True):
        if not begins:
            break
        if page.surface == Surface.HOME and page.first_position + len(page.items) == begins:
            shown = [*page.items, *shown]
            begins = page.first_position
    return tuple(shown), not begins


def _reader(slate: Slate) -> tuple[Reader | None, list[str]]:
    """Whoever had a row then, and what has happened to it since."""
    reader = find_reader(slate.reader_public_id)
    if reader is None:
        return None, ["Nobody is known by this reader id: the release was asked as for somebody new."]
    if reader.public_id != slate.reader_public_id:
        return reader, ["Readers became one since: what both did before the slate is known now."]
    if reader.created_at > slate.known_until:
        return None, ["The reader had no row yet: the release was asked as for somebody new."]
    return reader, []


def _state(slate: Slate, reader: Reader | None, doubts: list[str]) -> ReaderState:
    languages = slate.policy_parameters.get("languages")
    if languages is None:
        doubts.append("The slate does not say in which languages it was asked for: those of today are taken.")
        languages = reader.languages if reader else ()
    return read_state(
        reader=reader, languages=frozenset(languages), now=slate.known_until, public_id=slate.reader_public_id
    )
