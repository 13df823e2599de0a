"""What the site itself keeps: keys of the API, releases and how they came about, what travels to web processes."""

from recsite.models.api_keys import ApiKey
from recsite.models.releases import Release, ReleaseEvent
from recsite.models.snapshots import ItemVector, SourceSnapshot
from recsite.models.training_runs import TrainingRun

__all__ = ["ApiKey", "ItemVector", "Release", "ReleaseEvent", "SourceSnapshot", "TrainingRun"]
