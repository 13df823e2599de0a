"""manage.py api_key: the keys of servers that call the API."""

from __future__ import annotations

import argparse
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from recsite import clock
from recsite.models.api_keys import PREFIX_CHARS, ApiKey

REFUSED = 1
WRONG_USAGE = 2
NAME_MAX_CHARS = 100

EXAMPLES = """
examples:
  manage.py api_key create "shop backend"
  manage.py api_key list
  manage.py api_key revoke 3f9a01bc

what a key is:
  Whoever has one may report events of any reader and change items and readers. It is shown once, when it is made: the
  site keeps a hash of it. A revoked key is refused from the next call on, and stays in the list.

exit codes:
  0  done
  1  refused: no key, or more than one, begins with what was given
  2  wrong usage
"""


class Command(BaseCommand):
    help = "Make, list and revoke the keys of servers that call the API."

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        return super().create_parser(
            prog_name, subcommand, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter, **kwargs
        )

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="create | list | revoke")
        create = actions.add_parser("create", help="make a key and print it")
        create.add_argument("name", type=_name, help="who has it")
        actions.add_parser("list", help="all keys, the newest first")
        revoke = actions.add_parser("revoke", help="refuse a key from now on")
        revoke.add_argument("prefix", type=_prefix, help=f"its first {PREFIX_CHARS} characters, or the whole key")

    def handle(self, *args: Any, **options: Any) -> None:
        match options["action"]:
            case "create":
                self._create(options["name"])
            case "list":
                self._list()
            case _:
                self._revoke(options["prefix"])

    def _create(self, name: str) -> None:
        """The key alone goes to stdout, so that a script can take it from there."""
        row, key = ApiKey.objects.make(name=name, now=clock.now())
        self.stderr.write(f"Made {row.prefix}… for {row.name}. It is shown only now:")
        self.stdout.write(key)

    def _list(self) -> None:
        keys = list(ApiKey.objects.all())
        if not keys:
            self.stderr.write("There is no key. Make one with: manage.py api_key create NAME")
        for key in keys:
            state = f"revoked {_day(key.revoked_at)}" if key.revoked_at else f"last used {_day(key.last_used_at)}"
            self.stdout.write(f"{key.prefix}  made {_day(key.created_at)}  {state:<20}  {key.name}")

    def _revoke(self, prefix: str) -> None:
        keys = list(ApiKey.objects.filter(prefix=prefix))
        standing = [key for key in keys if key.revoked_at is None]
        if len(standing) > 1:
            names = ", ".join(key.name for key in standing)
            raise CommandError(f"{prefix} begins more than one key ({names}). Use the admin page.", returncode=REFUSED)
        if not standing:
            known = "is revoked already" if keys else "begins no key. See manage.py api_key list"
            raise CommandError(f"{prefix} {known}.", returncode=REFUSED)
        ApiKey.objects.filter(pk=standing[0].pk).revoke(now=clock.now())
        self.stdout.write(f"Revoked {prefix}… of {standing[0].name}.")


def _name(text: str) -> str:
    name = " ".join(text.split())
    if not name or not name.isprintable() or len(name) > NAME_MAX_CHARS:
        raise argparse.ArgumentTypeError(f"{text!r} is not a name of 1 to {NAME_MAX_CHARS} printable characters")
    return name


def _prefix(text: str) -> str:
    if len(text) < PREFIX_CHARS:
        raise argparse.ArgumentTypeError(f"{text!r} is too short: give the key's first {PREFIX_CHARS} characters")
    return text[:PREFIX_CHARS].lower()


def _day(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d}" if moment else "never"
