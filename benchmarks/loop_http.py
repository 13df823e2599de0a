"""An arm's site behind real HTTP, where a Celery worker counts and trains. Needs Django to be set up.

What readers get and what is learned is the same as in one process (`benchmarks.loop_in_process`): the worker is waited
for, and the site is told when to look what it has done.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus

import httpx

from benchmarks.loop_celery import count, learn_round
from benchmarks.loop_programs import Programs
from benchmarks.loop_site import PATIENCE_S, ArmSite
from benchmarks.loop_sources import Unshown
from benchmarks.loop_training import Learned
from benchmarks.loop_wsgi import LOOK
from recsite.models import Release


@dataclass(kw_only=True)
class SiteOverHttp(ArmSite):
    """programs: that run whenever this is asked for anything.  unshown: None, because the process that makes the pages
    tells nobody what they do not show."""

    programs: Programs
    _transport: httpx.BaseTransport = field(default_factory=httpx.HTTPTransport)

    def learn(self, *, number: int, since: datetime, now: datetime) -> Learned:
        said = self.programs.done(
            learn_round,
            arm=self.arm.key,
            seed=self.truth.seed,
            number=number,
            since=since.isoformat(),
            now=now.isoformat(),
            folder=str(self.folder / "files"),
        )
        return Learned(Release.objects.get(pk=said["release"]), said["report"])

    def keep_all(self) -> Unshown:
        return Unshown(most=None)

    def _client(self) -> httpx.Client:
        """All readers share connections, none of them cookies."""
        return httpx.Client(transport=self._transport, base_url=self.programs.address, timeout=PATIENCE_S)

    def _count(self, moment: datetime) -> None:
        self.programs.done(count, moment.isoformat())
        headers = self._plain.headers(moment)
        answer = httpx.get(f"{self.programs.address}{LOOK}", headers=headers, timeout=PATIENCE_S)
        if answer.status_code != HTTPStatus.OK:
            raise RuntimeError(f"The site cannot serve with its release: {answer.text}")
