"""Telling the workers that items are new or changed, so that a release can find them within seconds."""

from __future__ import annotations

import logging

from django.db import transaction
from kombu.exceptions import OperationalError

from recsite import tasks

logger = logging.getLogger(__name__)


def tell_workers_of_items() -> None:
    """Once what was written is committed, let a worker embed what has no vector yet. To be called by whoever published
    items or changed what they say.

    Without a broker nothing is lost but time: a sweep looks each minute.
    """
    transaction.on_commit(_send)


def _send() -> None:
    try:
        tasks.embed_new_items.apply_async(retry=False)
    except OperationalError as error:
        logger.warning("no worker was told of new items; the sweep will find them", extra={"reason": str(error)})
