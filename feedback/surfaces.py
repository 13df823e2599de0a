"""Where on the site something was shown or done."""

from __future__ import annotations

from django.db import models


class Surface(models.TextChoices):
    """Tokens hold the index: append, never reorder."""

    HOME = "home"
    SIMILAR = "similar"
    TOPIC = "topic"
    SEARCH = "search"
    DIRECT = "direct"


class Excluded(models.TextChoices):
    """Why a slate or an interaction teaches nothing."""

    STAFF = "staff"
    BOT = "bot"
    PREVIEW = "preview"
    PERSONALISATION_OFF = "personalisation_off", "personalisation off"
