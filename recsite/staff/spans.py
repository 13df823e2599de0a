"""Lengths of time as staff pages say them."""

from __future__ import annotations

from datetime import timedelta

_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))


def roughly(time: timedelta) -> str:
    """In one unit, rounded down, from the second of it on: `90 minutes`, `6 hours`, `3 days`; never less than nothing,
    though a clock may have been set back."""
    seconds = max(int(time.total_seconds()), 0)
    size, name = next((unit for unit in _UNITS if seconds >= 2 * unit[0]), _UNITS[-1])
    return _counted(seconds // size, name)


def exactly(time: timedelta) -> str:
    """In the largest unit that it is a whole number of, fit for "every": `90 seconds`, `2 minutes`, `day`."""
    seconds = time.total_seconds()
    for size, name in _UNITS:
        if seconds >= size and seconds % size == 0:
            count = round(seconds / size)
            return name if count == 1 else _counted(count, name)
    return f"{seconds:g} seconds"


def took(time: timedelta) -> str:
    """`0.4 s`, `12 s`, `3 min 5 s`, `2 h 10 min`."""
    seconds = max(time.total_seconds(), 0.0)
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3_600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3_600} h {whole % 3_600 // 60} min"


def _counted(count: int, name: str) -> str:
    return f"{count:,} {name}" if count == 1 else f"{count:,} {name}s"
