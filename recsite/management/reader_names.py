"""Readers as they are named on a command line."""

from __future__ import annotations

import uuid

from django.core.management.base import CommandError

from catalog.models import Reader

UNKNOWN = 1


def public_id_named(name: str) -> uuid.UUID:
    """The public id that `name` is, or that of the reader with the external id `name`.

    Another system's ids may look like ours, so an external id comes first. A public id need not have a row.
    Raises CommandError, exit code 1.
    """
    reader = Reader.objects.filter(external_id=name).first()
    if reader is not None:
        return reader.public_id
    try:
        return uuid.UUID(name)
    except ValueError as error:
        raise CommandError(
            f"There is no reader {name}: it is neither an external id that we know nor a public id.", returncode=UNKNOWN
        ) from error
