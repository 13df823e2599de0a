"""Every run of a periodic job."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class JobRun(models.Model):
    """One run of a task by a worker. Beat's own counters lag, and results of tasks are deleted after a day.

    task: its name, such as "recsite.tasks.keep_log".  result: what it returned, or what went wrong, as text.
    """

    class State(models.TextChoices):
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"

    task = models.CharField(max_length=100)
    task_id = models.CharField(max_length=64, unique=True)
    worker = models.CharField(max_length=150)
    state = models.CharField(max_length=8, choices=State, default=State.RUNNING)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    result = models.TextField(blank=True)
    log = models.TextField(blank=True, help_text="The last lines that it logged.")

    class Meta:
        ordering: ClassVar = ["-started_at", "-pk"]
        indexes: ClassVar = [
            models.Index(fields=["task", "-started_at"], name="job_run_of_task"),
            models.Index(fields=["-started_at"], name="job_run_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.task} at {self.started_at:%Y-%m-%d %H:%M}: {self.state}"
