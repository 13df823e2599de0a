"""Trained towers as ONNX, so that serving needs no torch. torch, onnx and onnxscript, so only to train."""

from __future__ import annotations

import logging
import warnings

import numpy as np
import torch
from torch import nn


def exported(tower: nn.Module, example: dict[str, np.ndarray]) -> bytes:
    """The tower as one ONNX file whose inputs have the names of `example`, int32 or float32, of any number of rows.

    example: at least two rows, so that the number of rows is not taken for a constant.
    """
    tower = _ByName(tower).eval()
    tensors = {name: torch.from_numpy(array) for name, array in example.items()}
    rows = torch.export.Dim("rows", min=1)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter about itself
        program = torch.onnx.export(
            tower,
            kwargs={"features": tensors},
            dynamo=True,
            dynamic_shapes={"features": {name: {0: rows} for name in tensors}},
            input_names=list(tensors),
            output_names=["vectors"],
            verbose=False,
        )
    if program is None:
        raise RuntimeError("torch.onnx.export gave no program, which it does only without dynamo.")
    return program.model_proto.SerializeToString()


class _ByName(nn.Module):
    """Takes one dictionary, so that the inputs keep their names."""

    def __init__(self, tower: nn.Module) -> None:
        super().__init__()
        self.tower = tower

    def forward(self, features: dict[str, torch.Tensor]) -> torch.Tensor:
        return self.tower(**features)
