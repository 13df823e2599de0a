"""`make demo`: the whole site on this machine.

Exit codes: 0 somebody asked for the end; 2 it could not start, and one line on stderr says why and what to do.
"""

from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from recsite.onemachine.cleaning import remove
from recsite.onemachine.demo import Demo, DemoOptions
from recsite.onemachine.errors import CannotStart, StopAsked
from recsite.onemachine.stopping import StopRequest
from recsite.onemachine.var_folder import not_writable

ASKED, COULD_NOT_START = 0, 2


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m recsite.onemachine", description="Run the whole site on this machine."
    )
    parser.add_argument("--with-parent", action="store_true", help="end when the process that started this one ends")
    parser.add_argument("--clean", action="store_true", help="remove everything the demo keeps, instead of running it")
    parser.add_argument("--items", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--readers", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    stop = StopRequest(with_parent=arguments.with_parent)
    stop.listen()
    # Root's folders must let the account of the database through; nothing else in them is anybody's business.
    os.umask(0o066 if os.geteuid() == 0 else 0o077)
    try:
        if arguments.clean:
            remove(_demo_settings().VAR_DIR)
        else:
            Demo(_options(arguments), stop).run()
    except StopAsked:
        return ASKED
    except CannotStart as error:
        if stop.asked():
            return ASKED
        sys.stderr.write(f"{error}\n")
        return COULD_NOT_START
    return ASKED


def _options(arguments: argparse.Namespace) -> DemoOptions:
    settings = _demo_settings()
    return DemoOptions(
        base=settings.BASE_DIR,
        var=settings.VAR_DIR,
        port=settings.PORT,
        data=Path(settings.DATA).absolute() if settings.DATA else None,
        items=arguments.items,
        readers=arguments.readers,
        audience=settings.AUDIENCE,
        given_database_url=settings.GIVEN_DATABASE_URL,
        given_redis_url=settings.GIVEN_REDIS_URL,
    )


def _demo_settings() -> Any:
    """The settings module, which reads the environment when it is imported; what it refuses becomes one line."""
    os.environ["DEMO"] = "1"
    try:
        settings = import_module("recsite.settings")
    except ImproperlyConfigured as error:
        raise CannotStart(str(error)) from error
    except OSError as error:
        raise not_writable(Path(error.filename), error.strerror) from error
    # Programs are started in the project's folder, wherever we were.
    os.environ["VAR_DIR"] = str(settings.VAR_DIR)
    return settings


if __name__ == "__main__":
    sys.exit(main())
