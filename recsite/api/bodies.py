"""Reading a body that anybody may have sent.

The body as a whole is refused only when nothing in it can be told apart. What is wrong with one entry is left to
whoever judges entries: Python's own parser is used because it lets half a surrogate pair through to them.
"""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpRequest
from django.http.request import UnreadablePostError

from recsite.api.problems import ApiProblem

NUMBER_MAX_DIGITS = 400


def read_entries(request: HttpRequest, name: str, *, max_bytes: int, max_entries: int) -> list[Any]:
    """The list called `name` of the JSON object in the body. Raises ApiProblem: 413 or 422."""
    document = _json(_body(request, max_bytes))
    if not isinstance(document, dict):
        raise ApiProblem(422, "not_an_object", f'The body must be a JSON object: {{"{name}": [...]}}.')
    entries = document.get(name)
    if not isinstance(entries, list):
        raise ApiProblem(422, f"no_{name}", f'The body must hold a list called "{name}": {{"{name}": [...]}}.')
    if len(entries) > max_entries:
        raise ApiProblem(
            422,
            f"too_many_{name}",
            f"{len(entries):,} {name} in one call; {max_entries:,} is the most. Send them in several calls.",
        )
    return entries


def _body(request: HttpRequest, max_bytes: int) -> bytes:
    """Read past `request.body`, whose limit is that of forms."""
    length = request.headers.get("Content-Length", "")
    if length.isascii() and length.isdigit() and int(length[:20]) > max_bytes:
        raise _too_large(max_bytes)
    try:
        body = request.read(max_bytes + 1)
    except UnreadablePostError as error:
        raise ApiProblem(422, "body_cut_off", "The body ended early. Send the call again.") from error
    if len(body) > max_bytes:
        raise _too_large(max_bytes)
    return body


def _too_large(max_bytes: int) -> ApiProblem:
    return ApiProblem(
        413, "body_too_large", f"The body may hold {max_bytes // 1024:,} KiB. Send the rest in another call."
    )


def _json(body: bytes) -> Any:
    try:
        return json.loads(body.decode("utf-8"), parse_int=_integer)
    except UnicodeDecodeError as error:
        raise ApiProblem(422, "not_utf8", f"The body is not UTF-8: byte {error.start} does not fit.") from error
    except ValueError as error:
        raise ApiProblem(422, "not_json", f"The body is not JSON: {error}.") from error
    except RecursionError as error:
        raise ApiProblem(422, "not_json", "The body is nested too deep.") from error


def _integer(digits: str) -> int | float:
    """Python refuses to read very long numbers at all; as infinity they are refused where they stand."""
    return int(digits) if len(digits) <= NUMBER_MAX_DIGITS else float("inf")
