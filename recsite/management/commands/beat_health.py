"""manage.py beat_health: is the scheduler at work?"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Max
from django_celery_beat.models import PeriodicTask

from recsite import clock

SILENCE_MAX = timedelta(minutes=10)
"""The most frequent job runs every minute; the scheduler writes down when, at least every three minutes."""


class Command(BaseCommand):
    help = (
        "Exit 0 if the scheduler sent any job in the last ten minutes, else 1. "
        "Example: `manage.py beat_health`, as the health check of its container."
    )

    def handle(self, *_args: Any, **_options: Any) -> None:
        newest = PeriodicTask.objects.filter(enabled=True).aggregate(newest=Max("last_run_at"))["newest"]
        if newest is None:
            raise CommandError("The scheduler has not sent any job yet. Is `celery beat` running?")
        silence = clock.now() - newest
        if silence > SILENCE_MAX:
            raise CommandError(f"The scheduler has sent no job for {silence}. Is `celery beat` running?")
        self.stdout.write(f"The last job was sent {silence} ago.")
