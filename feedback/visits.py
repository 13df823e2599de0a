"""What a visit is, for whoever writes it down and whoever reads it later."""

from __future__ import annotations

from datetime import timedelta

LONGEST_VISIT = timedelta(hours=12)
"""Nobody sits longer: a tab that reloads itself would make a visit without an end, and no day would hold it. What one
shows later belongs to another, and ranges of slate ids have an end."""

VISIT_OVER_AFTER = timedelta(minutes=30)
"""So long after its last event a visit is over, and teaches."""
