"""The Celery application: `celery -A recsite.celery worker`."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery, signals

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "recsite.settings")

app = Celery("recsite")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@signals.setup_logging.connect
def keep_our_logging(**_kwargs: Any) -> None:
    """Celery replaces the root logger's handlers unless somebody answers this signal; ours are in settings.LOGGING."""
    from django.conf import settings
    from django.utils.log import configure_logging

    configure_logging(settings.LOGGING_CONFIG, settings.LOGGING)


@signals.celeryd_after_setup.connect
def write_runs_down(**_kwargs: Any) -> None:
    """In workers only, before they fork: a page that counts on its own, say, is no run of a job."""
    from recsite import job_runs

    job_runs.connect()
