"""Every attempt to train, with what came of it."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from recsite.models.releases import Release


class TrainingRun(models.Model):
    """One attempt. `lost`: its process died, which the next run found out."""

    class Kind(models.TextChoices):
        RETRIEVER = "retriever"
        RERANKER = "reranker"

    class State(models.TextChoices):
        RUNNING = "running"
        PROMOTED = "promoted"
        NOT_PROMOTED = "not promoted"
        SKIPPED = "skipped"
        FAILED = "failed"
        LOST = "lost"

    kind = models.CharField(max_length=10, choices=Kind)
    state = models.CharField(max_length=12, choices=State, default=State.RUNNING)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    process = models.CharField(max_length=150, help_text="Host and process id.")
    outcome = models.TextField(blank=True, help_text="In one sentence.")
    log = models.TextField(blank=True, help_text="What it said, with times.")
    release = models.ForeignKey(Release, on_delete=models.SET_NULL, null=True, related_name="runs")

    class Meta:
        ordering: ClassVar = ["-started_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.kind} training at {self.started_at:%Y-%m-%d %H:%M}: {self.state}"
