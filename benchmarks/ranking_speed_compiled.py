"""The same trees as machine code: written as C and compiled. Only to compare; nothing of the site needs a compiler."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ranking.tree_text import Trees, read_trees

COMPILER = "cc"
_LONGS = (ctypes.c_long, ctypes.c_long)


def compiled_trees(text: str, folder: Path) -> Callable[[np.ndarray], np.ndarray] | None:
    """A function from (n, columns) float32 to (n,) raw scores; None on a machine without a C compiler."""
    if shutil.which(COMPILER) is None:
        return None
    source, library = folder / "trees.c", folder / "trees.so"
    source.write_text(_as_c(read_trees(text)))
    subprocess.run([COMPILER, "-O1", "-shared", "-fPIC", "-o", library, source], check=True)
    predict = ctypes.CDLL(str(library)).predict
    predict.argtypes = [ctypes.c_void_p, *_LONGS, ctypes.c_void_p]

    def scores(features: np.ndarray) -> np.ndarray:
        found = np.zeros(len(features), np.float32)
        predict(features.ctypes.data, *features.shape, found.ctypes.data)
        return found

    return scores


def _as_c(trees: Trees) -> str:
    """A function a tree, and one that asks all of them, each for every row before the next."""
    members = iter(np.split(trees.members, np.flatnonzero(np.isnan(trees.members)) + 1))
    conditions = [
        _one_of(feature, next(members)[:-1]) if is_set else _at_most(feature, split, nan_is_left=missing)
        for feature, split, missing, is_set in zip(
            trees.features, trees.splits, trees.missing_left, trees.sets, strict=True
        )
    ]

    def branch(node: int) -> str:
        if node < 0:
            return f"return {_number(trees.leaves[~node])};"
        left, right = branch(int(trees.left[node])), branch(int(trees.right[node]))
        return f"if ({conditions[node]}) {{ {left} }} else {{ {right} }}"

    functions = [
        f"static float tree{place}(const float *x) {{ {branch(int(root))} }}" for place, root in enumerate(trees.roots)
    ]
    calls = "\n".join(
        f"for (long i = 0; i < rows; i++) found[i] += tree{place}(features + i * columns);"
        for place in range(len(trees.roots))
    )
    signature = "void predict(const float *features, long rows, long columns, float *found)"
    return "\n".join(["#include <math.h>", *functions, f"{signature} {{\n{calls}\n}}"])


def _at_most(feature: int, split: float, *, nan_is_left: bool) -> str:
    return f"!(x[{feature}] > {_number(split)})" if nan_is_left else f"x[{feature}] <= {_number(split)}"


def _one_of(feature: int, members: np.ndarray) -> str:
    return " || ".join(f"x[{feature}] == {_number(member)}" for member in members)


def _number(value: float) -> str:
    """As a float of C that is the same to the bit."""
    if np.isinf(value):
        return "INFINITY" if value > 0 else "-INFINITY"
    return f"{np.float32(value):.9e}f"
