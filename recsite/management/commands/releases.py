"""manage.py releases: what is live, what was, and going forward and back between them."""

from __future__ import annotations

import argparse
import getpass
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from recsite import clock
from recsite.models import Release
from recsite.releases.loading import ReleaseBroken, load_release
from recsite.releases.registry import ReleaseStateError, previous_release, promote, refuse, roll_back
from recsite.releases.said import differences, flat, relative_change

REFUSED = 1
WRONG_USAGE = 2
LISTED = 20

EXAMPLES = """
examples:
  manage.py releases
  manage.py releases list --all
  manage.py releases show 12
  manage.py releases compare 11 12
  manage.py releases promote 12 --reason "looked at by hand"
  manage.py releases rollback --reason "nothing but cookery"
  manage.py releases refuse 12 --reason "trained on a broken import"

what happens:
  promote and rollback load the release first and go no further when that fails. Web processes take a new live release
  over within seconds, without a failed request; so it is with a rollback. A release rolled back from is no way back any
  more until it is promoted again; a refused one never goes live.

exit codes:
  0  done
  1  refused: there is no such release, it is not in a state for this, or its files cannot be loaded
  2  wrong usage
"""


class Command(BaseCommand):
    help = "List, show and compare releases; promote one, roll back, refuse one."

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        return super().create_parser(
            prog_name, subcommand, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter, **kwargs
        )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.set_defaults(all=False)
        actions = parser.add_subparsers(
            dest="action", metavar="list | show | compare | promote | rollback | refuse (default: list)"
        )
        listing = actions.add_parser("list", help=f"the {LISTED} newest, the newest first")
        listing.add_argument("--all", action="store_true", help="all there are")
        show = actions.add_parser("show", help="everything about one: windows, report, what was done to it")
        show.add_argument("id", type=int)
        compare = actions.add_parser("compare", help="where the configs and reports of two differ")
        compare.add_argument("id", type=int)
        compare.add_argument("other", type=int)
        for name, what in (("promote", "let this one go live"), ("refuse", "never let this one go live")):
            action = actions.add_parser(name, help=what)
            action.add_argument("id", type=int)
            action.add_argument("--reason", required=True, type=_reason, help="why, for the record")
        back = actions.add_parser("rollback", help="bring back the release that was live before this one")
        back.add_argument("--reason", required=True, type=_reason, help="why, for the record")

    def handle(self, *_args: Any, **options: Any) -> None:
        actions: dict[str, Callable[[Mapping[str, Any]], None]] = {
            "show": self._show,
            "compare": self._compare,
            "promote": self._promote,
            "rollback": self._roll_back,
            "refuse": self._refuse,
        }
        try:
            actions.get(options["action"], self._list)(options)
        except (ReleaseStateError, ReleaseBroken) as error:
            raise CommandError(str(error), returncode=REFUSED) from error

    def _list(self, options: Mapping[str, Any]) -> None:
        releases = list(Release.objects.all() if options["all"] else Release.objects.all()[:LISTED])
        if not releases:
            self.stderr.write("There is no release yet. Make one with: manage.py retrain all")
            return
        way_back = previous_release()
        rows: list[tuple[str, ...]] = [("ID", "STATE", "MADE", "LIVE SINCE", "LEARNED UNTIL", "RETRIEVER", "RANKER")]
        for release in releases:
            state = f"{release.state}, way back" if release == way_back else release.state
            times = (release.created_at, release.live_since, release.retriever_until)
            rows.append((str(release.pk), state, *map(_minute, times), release.retriever, release.ranker))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            self.stdout.write("  ".join(cells).rstrip())

    def _show(self, options: Mapping[str, Any]) -> None:
        release = _release(options["id"])
        self.stdout.write(f"Release {release.pk}: {release.state}, made {_minute(release.created_at)}")
        for what, since, until in (
            ("the retriever learned", release.retriever_since, release.retriever_until),
            ("the ranker learned", release.ranker_since, release.ranker_until),
            ("the gate measured", release.gate_since, release.gate_until),
        ):
            self.stdout.write(f"  {what + ':':<23}{_minute(since)} to {_minute(until)}")
        self.stdout.write(f"  {'retriever:':<23}{release.retriever}  {release.retriever_sha256[:12]}")
        self.stdout.write(f"  {'ranker:':<23}{release.ranker}  {release.ranker_sha256[:12]}")
        self.stdout.write(f"  {'code:':<23}{release.code_version}")
        for name, values in (("config", release.config), ("report", release.report)):
            self.stdout.write(f"{name}:")
            for key, value in flat(values):
                self.stdout.write(f"  {key}: {value}")
        self.stdout.write("history:")
        for event in release.events.all():
            self.stdout.write(f"  {_minute(event.at)}  {event.action} by {event.by}: {event.reason or '-'}")

    def _compare(self, options: Mapping[str, Any]) -> None:
        one, other = _release(options["id"]), _release(options["other"])
        self.stdout.write(f"Release {one.pk} ({one.state}) | release {other.pk} ({other.state})")
        found = list(differences(one, other))
        for name, left, right in found:
            self.stdout.write(f"  {name}: {left} | {right}{_change(left, right)}")
        if not found:
            self.stdout.write("  They differ in nothing that is kept of them.")

    def _promote(self, options: Mapping[str, Any]) -> None:
        release = _release(options["id"])
        load_release(release)
        promote(release, by=_operator(), reason=options["reason"], now=clock.now())
        self.stdout.write(f"Release {release.pk} is live.")

    def _roll_back(self, options: Mapping[str, Any]) -> None:
        release = roll_back(by=_operator(), reason=options["reason"], now=clock.now(), check=load_release)
        self.stdout.write(f"Release {release.pk} is live again.")

    def _refuse(self, options: Mapping[str, Any]) -> None:
        release = refuse(_release(options["id"]), by=_operator(), reason=options["reason"], now=clock.now())
        self.stdout.write(f"Release {release.pk} is refused.")


def _release(release_id: int) -> Release:
    release = Release.objects.filter(pk=release_id).first()
    if release is None:
        raise ReleaseStateError(f"There is no release {release_id}. See: manage.py releases list --all")
    return release


def _change(left: str, right: str) -> str:
    change = relative_change(left, right)
    return "" if change is None else f"  ({change:+.1%})"


def _reason(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("give a reason: it is what somebody reads who wonders next month")
    return text.strip()


def _operator() -> str:
    """The account of this machine that runs the command, which may have no name, in a container for example."""
    try:
        return f"manage.py by {getpass.getuser()}"
    except (KeyError, OSError):
        return "manage.py"


def _minute(moment: datetime | None) -> str:
    return "-" if moment is None else f"{moment:%Y-%m-%d %H:%M}"
