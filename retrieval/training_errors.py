"""Why a training did not give a retriever; each is something that its caller can act on."""

from __future__ import annotations


class TrainingError(Exception):
    """No artefact came of this training. The message says why and what to do."""


class NoPositives(TrainingError):
    """The window holds no positive reaction to an item of the catalogue, or none that ever made a batch."""


class OneReader(TrainingError):
    """All positives are of one reader: her taste would be everybody's."""


class OneItem(TrainingError):
    """All positives are of one item: there is nothing to hold it against."""


class MissingValue(TrainingError):
    """A row does not say who chose, what, or when."""


class NotFinite(TrainingError):
    """A loss, a weight or an input is NaN or infinite."""


class TrainingStopped(TrainingError):
    """Somebody asked it to stop. Whole epochs are kept; the same call goes on from there."""
