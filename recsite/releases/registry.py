"""Which release is live, which was before, and every way to change that.

A change is one transaction: the rows, the event that says who did it and why, and a notification that web processes
hear once it is committed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Q

from recsite.models import ItemVector, Release, ReleaseEvent
from recsite.releases.changes import RELEASE, notify
from recsite.releases.store import ArtefactStore, store

Action = ReleaseEvent.Action
State = Release.State

KEPT_DAYS = 14
LONG_AGO = timedelta(days=30)
"""The release of so long ago is kept to be measured against, so that small losses cannot add up unseen."""

_LOCK = 0x72656C65
"""Advisory lock of whoever changes which release is live: two promotions at once would both retire the same one."""


class ReleaseStateError(Exception):
    """This cannot be done to this release in the state that it is in."""


@dataclass(frozen=True)
class Seen:
    """What whoever decides has looked at: ids of the live release, and of the one to act on; None where none is."""

    live: int | None
    back: int | None


# --- looking ---


def live_release() -> Release | None:
    return Release.objects.filter(state=State.LIVE).first()


def previous_release() -> Release | None:
    """What was live before the live one, and was not rolled back from: where `roll_back` leads."""
    stack = _standing()
    return Release.objects.filter(pk=stack[-2]).first() if len(stack) > 1 else None


def may_go_live_again(release_id: int) -> bool:
    """Whether it was live, and was neither rolled back from nor refused since."""
    return release_id in _standing()


def release_live_at(moment: datetime) -> Release | None:
    """The one that was live at `moment`, whatever became of it since. None: there was none yet."""
    promoted = ReleaseEvent.objects.filter(action=Action.PROMOTED, at__lte=moment).order_by("pk").last()
    return None if promoted is None else promoted.release


def _standing() -> list[int]:
    """Ids of releases that were live and may be again, in the order in which they went live last: the live one is the
    last. By the events' order, not by their times: a clock may have been set back."""
    stack: list[int] = []
    acts = ReleaseEvent.objects.filter(action__in=[Action.PROMOTED, Action.ROLLED_BACK, Action.REFUSED])
    for release_id, action in acts.order_by("pk").values_list("release_id", "action"):
        if release_id in stack:
            stack.remove(release_id)
        if action == Action.PROMOTED:
            stack.append(release_id)
    return stack


def kept_releases(*, now: datetime, keep_days: float = KEPT_DAYS) -> list[Release]:
    """Those whose files must stay: made within `keep_days`, the live one, the one before it, and all that were live at
    any moment of the last 31 days: on some day each of those is the one of 30 days ago."""
    begin = now - LONG_AGO - timedelta(days=1)
    special = [live_release(), previous_release(), release_live_at(begin)]
    was_live = Q(pk__in=ReleaseEvent.objects.filter(action=Action.PROMOTED, at__gt=begin).values("release"))
    found = Release.objects.filter(was_live | Q(created_at__gt=now - timedelta(days=keep_days)))
    return list({release.pk: release for release in [*special, *found] if release is not None}.values())


# --- changing ---


def create_candidate(*, now: datetime, by: str = "training", reason: str = "", **fields: Any) -> Release:
    """A new row, after its files were stored. fields: the columns of `Release`."""
    with transaction.atomic():
        release = Release.objects.create(state=State.CANDIDATE, created_at=now, **fields)
        _note(release, Action.MADE, by=by, reason=reason, now=now)
    return release


def promote(
    release: Release,
    *,
    by: str,
    reason: str,
    now: datetime,
    check: Callable[[Release | None], object] | None = None,
    seen: Seen | None = None,
) -> Release:
    """Let it go live, in place of the one that is. A retired release may go live again, a refused one may not.

    check: called with the live release, or None, when no other can go live any more; what it raises stops this.
    seen: what was live when this was decided; None asks nobody.
    Raises ReleaseStateError for a refused release, and the live one, and where not that is live which was seen.
    """
    with transaction.atomic():
        chosen, live = _locked(release)
        _require_unchanged(seen, live, chosen)
        if check is not None:
            check(live)
        if chosen.state == State.LIVE:
            raise ReleaseStateError(f"Release {chosen.pk} is live already.")
        if chosen.state == State.REFUSED:
            raise ReleaseStateError(f"Release {chosen.pk} was refused ({_why_refused(chosen)}). Train another one.")
        if live is not None:
            _set(live, State.RETIRED)
            _note(live, Action.RETIRED, by=by, reason=f"release {chosen.pk} went live", now=now)
        _go_live(chosen, by=by, reason=reason, now=now)
    return chosen


def roll_back(
    *,
    by: str,
    reason: str,
    now: datetime,
    check: Callable[[Release], object] | None = None,
    seen: Seen | None = None,
) -> Release:
    """Bring back the release that was live before this one, which then is no way back any more. Returns it.

    check: called with the release to bring back, before anything is changed; what it raises stops the roll back.
    seen: what was live, and the way back, when this was decided: two who decide at once go back one release, not two.
    Raises ReleaseStateError where there is none, and where another is live, or the way back, than was seen.
    """
    target = previous_release()
    if target is not None and check is not None:
        check(target)
    with transaction.atomic():
        _lock()
        live, previous = live_release(), previous_release()
        _require_unchanged(seen, live, previous)
        if live is None or previous is None:
            raise ReleaseStateError("There is no release to go back to: none was live before this one.")
        if previous != target:
            raise ReleaseStateError("Somebody changed the live release at this moment. Look, and try again.")
        _set(live, State.RETIRED)
        _note(live, Action.ROLLED_BACK, by=by, reason=reason, now=now)
        _go_live(previous, by=by, reason=f"rolled back from release {live.pk}: {reason}", now=now)
    return previous


def refuse(release: Release, *, by: str, reason: str, now: datetime, seen: Seen | None = None) -> Release:
    """It will never go live (again). Raises ReleaseStateError for the live one: roll back first; and where not that is
    live which was seen."""
    with transaction.atomic():
        chosen, live = _locked(release)
        _require_unchanged(seen, live, chosen)
        if chosen.state == State.LIVE:
            raise ReleaseStateError(f"Release {chosen.pk} is live. Roll back first, then refuse it.")
        if chosen.state == State.REFUSED:
            raise ReleaseStateError(f"Release {chosen.pk} was refused already ({_why_refused(chosen)}).")
        _set(chosen, State.REFUSED)
        _note(chosen, Action.REFUSED, by=by, reason=reason, now=now)
        notify(RELEASE)
    return chosen


def _go_live(release: Release, *, by: str, reason: str, now: datetime) -> None:
    release.live_since = now
    _set(release, State.LIVE)
    _note(release, Action.PROMOTED, by=by, reason=reason, now=now)
    notify(RELEASE)


def _require_unchanged(seen: Seen | None, live: Release | None, back: Release | None) -> None:
    """To be called under the lock."""
    if seen is not None and seen != Seen(live.pk if live else None, back.pk if back else None):
        raise ReleaseStateError("Somebody changed what is live meanwhile. Look again before you decide.")


def _locked(release: Release) -> tuple[Release, Release | None]:
    """This release and the live one as they are now, and as they stay until the transaction ends."""
    _lock()
    return Release.objects.get(pk=release.pk), live_release()


def _lock() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def _set(release: Release, state: Release.State) -> None:
    release.state = state
    release.save(update_fields=["state", "live_since"])


def _note(release: Release, action: ReleaseEvent.Action, *, by: str, reason: str, now: datetime) -> None:
    ReleaseEvent.objects.create(release=release, at=now, action=action, by=by, reason=reason)


def _why_refused(release: Release) -> str:
    event = release.events.filter(action=Action.REFUSED).last()
    return event.reason if event and event.reason else "no reason was given"


# --- clearing away ---


def prune(*, now: datetime, keep_days: float = KEPT_DAYS, files: ArtefactStore | None = None) -> list[str]:
    """Delete the files, and the vectors of new items, of all but `kept_releases`. Returns the names deleted.

    Rows of releases stay: they are the record. Files that no row names are left for `keep_days` too, because their
    training may be about to write the row.
    """
    files = files or store()
    needed = {name for kept in kept_releases(now=now, keep_days=keep_days) for name in (kept.retriever, kept.ranker)}
    ItemVector.objects.exclude(release__retriever__in=needed).delete()
    named = {name for pair in Release.objects.values_list("retriever", "ranker") for name in pair}
    since = now - timedelta(days=keep_days)
    doomed = [name for name in files.names() if name not in needed and (name in named or files.put_at(name) < since)]
    for name in doomed:
        files.delete(name)
    return doomed
