"""What the site itself keeps: keys of the API, releases and how they came about, what travels to web processes, what
the log adds up to, what staff did."""

from recsite.models.api_keys import ApiKey
from recsite.models.job_runs import JobRun
from recsite.models.log_counts import CountedUntil, FeedHour, FoundDay, ItemDay, LabelDay
from recsite.models.pins import PinnedItem, StaffAction
from recsite.models.releases import Release, ReleaseEvent
from recsite.models.snapshots import ItemVector, SourceSnapshot
from recsite.models.training_runs import TrainingRun

__all__ = [
    "ApiKey",
    "CountedUntil",
    "FeedHour",
    "FoundDay",
    "ItemDay",
    "ItemVector",
    "JobRun",
    "LabelDay",
    "PinnedItem",
    "Release",
    "ReleaseEvent",
    "SourceSnapshot",
    "StaffAction",
    "TrainingRun",
]
