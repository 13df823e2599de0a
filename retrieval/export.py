"""Trained towers as ONNX, so that serving needs no torch. torch and onnx, so only to train."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import torch
from torch import nn

from retrieval.artefact import ITEM_TABLE
from retrieval.features import QueryFeatures
from retrieval.prior_towers import QueryMeetingPrior
from retrieval.towers import QueryTower

NO_TABLES: Mapping[str, np.ndarray] = MappingProxyType({})

_OPSET = 18


def exported(tower: nn.Module, example: dict[str, np.ndarray], tables: Mapping[str, np.ndarray] = NO_TABLES) -> bytes:
    """The tower as one ONNX file whose inputs have the names of `example` and `tables`, int32 or float32.

    example: two rows or more; later there may be any number.  tables: inputs of a length of their own, any too.
    By the exporter that traces: the one over torch.export gives the same numbers as quickly,
    but takes 3 to 8 s a tower where this takes a tenth of one, and a training exports four.
    """
    inputs = {**example, **tables}
    tensors = tuple(torch.from_numpy(array) for array in inputs.values())
    lengths = dict.fromkeys((*example, "vectors"), "rows") | {name: f"rows of {name}" for name in tables}
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter about itself
        torch.onnx.export(
            _ByPlace(tower, tuple(inputs)).eval(),
            tensors,
            file,  # type: ignore[arg-type]  # its annotation forgets what this exporter takes
            dynamo=False,
            opset_version=_OPSET,
            input_names=list(inputs),
            output_names=["vectors"],
            dynamic_axes={name: {0: length} for name, length in lengths.items()},
        )
    return file.getvalue()


def exported_query(tower: QueryTower | QueryMeetingPrior, item_table: np.ndarray, example: QueryFeatures) -> bytes:
    """The query tower without its table of items, which `ITEM_TABLE` hands in: it is most of the tower, and mapped from
    a file all processes of a machine share it."""
    return exported(tower, example.arrays(), {ITEM_TABLE: item_table})


class _ByPlace(nn.Module):
    """Takes its inputs one after the other, as tracing hands them in."""

    def __init__(self, tower: nn.Module, names: tuple[str, ...]) -> None:
        super().__init__()
        self.tower = tower
        self.names = names

    def forward(self, *tensors: torch.Tensor) -> torch.Tensor:
        vectors: torch.Tensor = self.tower(**dict(zip(self.names, tensors, strict=True)))
        return vectors
