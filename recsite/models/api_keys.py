"""The keys of servers that may call the API."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import ClassVar

from django.db import models
from django.db.models import Q

KEY_BYTES = 32
PREFIX_CHARS = 8
USE_NOTED_EVERY = timedelta(hours=1)


def hash_of_key(key: str) -> str:
    """SHA-256, unsalted and fast: a key is 256 random bits, so there is nothing to guess and nothing to look up."""
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def make(self, *, name: str, now: datetime) -> tuple[ApiKey, str]:
        """A new row and its key, which nobody can ever read again."""
        key = secrets.token_hex(KEY_BYTES)
        return self.create(name=name, prefix=key[:PREFIX_CHARS], hash=hash_of_key(key), created_at=now), key

    def standing(self) -> ApiKeyQuerySet:
        """Those that were not revoked."""
        return self.filter(revoked_at=None)

    def revoke(self, *, now: datetime) -> int:
        """Make these keys worthless at once; they stay in the list. Returns how many still stood."""
        return self.standing().update(revoked_at=now)


class ApiKey(models.Model):
    """A server's permission to report events of any reader and to change items and readers."""

    name = models.CharField(max_length=100, help_text="Who has it.")
    prefix = models.CharField(max_length=PREFIX_CHARS, help_text="The key's first characters, to tell it by.")
    hash = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, help_text="Up to an hour late.")

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        verbose_name = "API key"
        ordering: ClassVar = ["-created_at", "-pk"]
        constraints: ClassVar = [models.CheckConstraint(name="api_key_name_not_blank", condition=~Q(name=""))]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    def note_use(self, *, now: datetime) -> None:
        """Remember that it was used; written once an hour at most, because a busy server uses it all the time."""
        if self.last_used_at is None or now - self.last_used_at >= USE_NOTED_EVERY:
            ApiKey.objects.filter(pk=self.pk).update(last_used_at=now)
