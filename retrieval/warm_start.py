"""Beginning a training where the last one ended, with a catalogue that has changed since."""

from __future__ import annotations

import torch
from torch import nn

from retrieval.artefact import ArtefactError, RetrieverArtefact
from retrieval.content import FIRST_ITEM, NEW_ITEM
from retrieval.ids import UNKNOWN, IdMap

ID_TABLES = ("query.items.weight", "candidate.items.weight", "candidate.biases.weight")
"""The tensors that have a row for each item."""


def start_warm(modules: nn.Module, before: RetrieverArtefact, ids: IdMap) -> None:
    """Put the tensors of `before` into `modules`. An item keeps its rows; a new one begins as the unknown one did.

    Raises `ArtefactError` for towers of other sizes.
    """
    tensors = modules.state_dict()
    old_idx = torch.from_numpy(IdMap(before.item_ids).idx_of(ids.item_ids))
    old_rows = torch.where(old_idx == UNKNOWN, NEW_ITEM, old_idx + FIRST_ITEM)
    rows = torch.cat([torch.arange(FIRST_ITEM), old_rows])
    for name, tensor in tensors.items():
        known = torch.from_numpy(before.weights[name]) if name in before.weights else None
        if known is not None and name in ID_TABLES:
            known = known[rows]
        if known is None or known.shape != tensor.shape:
            found = "nothing" if known is None else tuple(known.shape)
            raise ArtefactError(
                f"{name} is {tuple(tensor.shape)} by this config, but {found} in the retriever to start from. Train "
                "without a warm start, or with its tower sizes."
            )
        tensor.copy_(known)
