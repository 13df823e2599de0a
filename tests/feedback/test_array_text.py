from __future__ import annotations

import numpy as np
import pytest
from django.db import connection

from feedback.array_text import array_text, real_array_text


def test_what_is_missing_is_null() -> None:
    assert array_text([1, None, 3]) == "{1,NULL,3}"
    assert real_array_text([0.5, None]) == "{0.5,NULL}"
    assert real_array_text([]) == "{}"


@pytest.mark.django_db
def test_every_float32_comes_back_as_it_was() -> None:
    rng = np.random.default_rng(1)
    drawn = rng.integers(0, 2**32, 2_000, dtype=np.uint32).view(np.float32)
    values = drawn[np.isfinite(drawn)]
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::real[]", [real_array_text(values.tolist())])
        (stored,) = cursor.fetchone()
    assert np.array_equal(np.array(stored, np.float32), values)
