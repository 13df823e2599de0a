"""The pairs of models that were measured together, and what became of each."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q


class Release(models.Model):
    """One retriever and one ranker, measured together. Its files lie in the artefact store under these names.

    retriever, ranker: folders of the store; a ranker trained anew shares its retriever with the release before.
    *_sha256: of the folder's manifest, which holds the checksums of its files.
    config, report: as the gate had them; the report keeps the limits that it was held against.
    """

    class State(models.TextChoices):
        CANDIDATE = "candidate"
        LIVE = "live"
        RETIRED = "retired"
        REFUSED = "refused"

    state = models.CharField(max_length=10, choices=State, default=State.CANDIDATE)
    retriever = models.CharField(max_length=80)
    retriever_sha256 = models.CharField(max_length=64)
    ranker = models.CharField(max_length=80)
    ranker_sha256 = models.CharField(max_length=64)
    retriever_since = models.DateTimeField()
    retriever_until = models.DateTimeField(help_text="Newest interaction that the retriever may know.")
    ranker_since = models.DateTimeField(null=True)
    ranker_until = models.DateTimeField(null=True)
    gate_since = models.DateTimeField(null=True)
    gate_until = models.DateTimeField(null=True)
    code_version = models.CharField(max_length=80)
    config = models.JSONField()
    report = models.JSONField()
    created_at = models.DateTimeField()
    live_since = models.DateTimeField(null=True, help_text="When it went live the last time.")

    class Meta:
        ordering: ClassVar = ["-pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["state"], condition=Q(state="live"), name="one_live_release"),
        ]

    def __str__(self) -> str:
        return f"release {self.pk} ({self.state})"


class ReleaseEvent(models.Model):
    """What was done to a release, by whom and why: the audit trail. Rows are never changed."""

    class Action(models.TextChoices):
        MADE = "made"
        PROMOTED = "promoted"
        RETIRED = "retired"
        REFUSED = "refused"
        ROLLED_BACK = "rolled back"

    release = models.ForeignKey(Release, on_delete=models.CASCADE, related_name="events")
    at = models.DateTimeField()
    action = models.CharField(max_length=12, choices=Action)
    by = models.CharField(max_length=150, help_text="A job, a command, or a staff member.")
    reason = models.TextField()

    class Meta:
        ordering: ClassVar = ["at", "pk"]

    def __str__(self) -> str:
        return f"{self.action} {self.release_id}: {self.reason}"
