"""What `manage.py check --deploy` refuses beside Django's own checks."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register


def only_a_simulation_may_set_the_clock(**_kwargs: Any) -> list[CheckMessage]:
    if not settings.SIMULATION:
        return []
    return [
        Error("SIMULATION is on: a signed header would set the clock.", hint="Unset SIMULATION.", id="recsite.E001")
    ]


def a_demo_is_not_for_the_public(**_kwargs: Any) -> list[CheckMessage]:
    if not settings.DEMO:
        return []
    return [Error("DEMO is on: cookies are not secure and keys are defaults.", hint="Unset DEMO.", id="recsite.E002")]


def register_checks() -> None:
    for check in (only_a_simulation_may_set_the_clock, a_demo_is_not_for_the_public):
        register(check, Tags.security, deploy=True)
