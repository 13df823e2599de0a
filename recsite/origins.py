"""From which slot of which slate a page or a form was opened, by the token that it brings along."""

from __future__ import annotations

from catalog.models import Item
from feedback.interactions import Origin
from feedback.readers import all_public_ids
from feedback.tokens import Token, TokenError, accepted_tags, read_token
from recsite.requests import SiteRequest
from recsite.visits import current_visit


def own_token(request: SiteRequest, text: str) -> Token | None:
    """The token, if it is one of ours, still good, and made for whoever brings it."""
    if not text:
        return None
    try:
        token = read_token(text, now=request.now)
    except TokenError:
        return None
    own_ids = all_public_ids(request.reader.public_id, request.reader.row)
    is_own = any(token.reader_tag in accepted_tags(public_id) for public_id in own_ids)
    return token if is_own else None


def origin_of(request: SiteRequest, token: Token | None, *, item: Item | None, excluded: str | None) -> Origin:
    """Where an interaction with `item` (None: with something else) came from: the slot of its own token, or nowhere."""
    if token is not None and (item is None or token.item_id == item.pk):
        return Origin.of_token(token, excluded=excluded)
    visit_id = current_visit(request.reader.public_id, now=request.now)
    return Origin(visit_id=visit_id, excluded=excluded)
