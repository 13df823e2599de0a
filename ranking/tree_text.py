"""LightGBM's text model, read: the trees as columns of nodes and leaves. Knows nothing of LightGBM but its format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

_CATEGORICAL, _DEFAULT_LEFT, _MISSING_SHIFT = 1, 2, 2  # bits of decision_type
_ZERO_IS_MISSING, _NAN_IS_MISSING = 1, 2
_WORD_BITS = 32
_END = "\nend of trees\n"


class ModelTextError(ValueError):
    """A LightGBM model that cannot be told as such trees."""


@dataclass(frozen=True, eq=False)
class Trees:
    """Nodes of one or more trees, and their leaves.

    features, splits, missing_left: (nodes,).  left, right: (nodes,) a node, or ~leaf below 0, as LightGBM counts them.
    sets: (nodes,) True where a node asks whether the value is one of its set.  members: (m,) float32, the sets of those
    nodes one after the other, each ended by NaN.  leaves: (leaves,) what is added to the score.  roots: (trees,).
    columns: how many features a row has.
    """

    features: np.ndarray
    splits: np.ndarray
    missing_left: np.ndarray
    left: np.ndarray
    right: np.ndarray
    sets: np.ndarray
    members: np.ndarray
    leaves: np.ndarray
    roots: np.ndarray
    columns: int


def column_names(text: str) -> tuple[str, ...]:
    """What the model reads, in order. Raises `ModelTextError` for what is no model, or not all of one."""
    names = _lines(text.partition("\nTree=")[0]).get("feature_names")
    if names is None or _END not in text:
        raise ModelTextError("This is no LightGBM model, or not all of one.")
    return tuple(names.split())


def read_trees(text: str) -> Trees:
    """Each row of float32 falls into the leaf into which LightGBM sends it.

    Raises `ModelTextError` for several scores a row, linear trees, averaged trees, and zeros that count as missing.
    """
    header, *trees = text.partition(_END)[0].split("\nTree=")
    facts = _lines(header)
    if facts.get("num_tree_per_iteration") != "1" or "average_output" in header.splitlines():
        raise ModelTextError("Only a model with one score a row, the sum of its trees, is read.")
    if not trees:
        raise ModelTextError("This model has no tree: nothing was learned.")
    columns = int(facts["max_feature_idx"]) + 1
    return _joined([_tree(_lines(tree), columns) for tree in trees])


def _lines(text: str) -> Mapping[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def _tree(lines: Mapping[str, str], columns: int) -> Trees:
    leaves = _numbers(lines["leaf_value"], np.float64)
    if len(leaves) == 1:
        return _constant(leaves, columns)
    if lines.get("is_linear", "0") != "0":
        raise ModelTextError("A tree with linear leaves is not read. Train with linear_tree=false.")
    splits, decisions = _numbers(lines["threshold"], np.float64), _numbers(lines["decision_type"], np.int64)
    sets = (decisions & _CATEGORICAL) > 0
    missing = decisions >> _MISSING_SHIFT
    if (missing[~sets] == _ZERO_IS_MISSING).any():
        raise ModelTextError("Zeros that count as missing are not read. Train with zero_as_missing=false.")
    defaults_left = (decisions & _DEFAULT_LEFT) > 0
    missing_left = np.where(missing == _NAN_IS_MISSING, defaults_left, splits >= 0)  # else NaN is read as 0
    return Trees(
        features=_numbers(lines["split_feature"], np.int64),
        splits=_rounded_down(np.where(sets, 0, splits)),
        missing_left=missing_left & ~sets,
        left=_numbers(lines["left_child"], np.int64),
        right=_numbers(lines["right_child"], np.int64),
        sets=sets,
        members=_members(lines, splits[sets].astype(np.int64)),
        leaves=leaves,
        roots=np.zeros(1, np.int64),
        columns=columns,
    )


def _constant(leaf: np.ndarray, columns: int) -> Trees:
    """A tree of one leaf, told as a split with the same leaf on both sides."""
    zero, no = np.zeros(1, np.int64), np.zeros(1, bool)
    both = np.array([~0]), np.array([~1])
    return Trees(zero, np.zeros(1, np.float32), no, *both, no, np.empty(0, np.float32), leaf.repeat(2), zero, columns)


def _rounded_down(splits: np.ndarray) -> np.ndarray:
    """float32, so that a float32 is at most the one exactly when it is at most the other."""
    with np.errstate(over="ignore"):
        rounded = splits.astype(np.float32)
    return np.where(rounded > splits, np.nextafter(rounded, np.float32(-np.inf)), rounded)


def _members(lines: Mapping[str, str], sets: np.ndarray) -> np.ndarray:
    """sets: which bit sets of the tree, in the order of the nodes that ask for them."""
    if not len(sets):
        return np.empty(0, np.float32)
    bounds = _numbers(lines["cat_boundaries"], np.int64)
    words = _numbers(lines["cat_threshold"], np.uint32)
    parts = []
    for one in sets:
        bits = (words[bounds[one] : bounds[one + 1], None] >> np.arange(_WORD_BITS, dtype=np.uint32)) & 1
        parts += [np.flatnonzero(bits.ravel()).astype(np.float32), np.array([np.nan], np.float32)]
    return np.concatenate(parts)


def _joined(trees: Sequence[Trees]) -> Trees:
    first_node = np.cumsum([0, *(len(tree.features) for tree in trees)])
    first_leaf = np.cumsum([0, *(len(tree.leaves) for tree in trees)])

    def children(of_tree: Sequence[np.ndarray]) -> np.ndarray:
        moved = [
            np.where(each >= 0, each + node, each - leaf)
            for each, node, leaf in zip(of_tree, first_node, first_leaf, strict=False)
        ]
        return np.concatenate(moved)

    def column(name: str) -> np.ndarray:
        return np.concatenate([getattr(tree, name) for tree in trees])

    return Trees(
        features=column("features"),
        splits=column("splits"),
        missing_left=column("missing_left"),
        left=children([tree.left for tree in trees]),
        right=children([tree.right for tree in trees]),
        sets=column("sets"),
        members=column("members"),
        leaves=column("leaves"),
        roots=first_node[:-1],
        columns=trees[0].columns,
    )


def _numbers(text: str, dtype: type) -> np.ndarray:
    return np.array(text.split(), dtype)
