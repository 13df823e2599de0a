"""What a worker under test imports (`celery worker --include`) before it forks its pool."""

from __future__ import annotations

from tests.recsite.faults.quick_training import make_quick
from tests.recsite.funnel.world import small_fitted

make_quick(setattr)
small_fitted()
