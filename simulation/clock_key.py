"""The key that signs simulated time, from the environment: on a command line everybody on the machine could read it."""

from __future__ import annotations

import os

from simulation.clocks import ClockKeyError

CLOCK_KEY = "SIMULATED_CLOCK_KEY"


def clock_key() -> str:
    """Raises ClockKeyError where there is none."""
    key = os.environ.get(CLOCK_KEY, "")
    if not key:
        raise ClockKeyError(f"{CLOCK_KEY} is not set. Start this by `manage.py simulate`, which knows the site's key.")
    return key
