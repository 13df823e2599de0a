"""How the API refuses: a status, one word for programs, and for people the cause and the cure."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from ninja import NinjaAPI
from ninja.errors import ValidationError


class ApiProblem(Exception):
    """A call that is refused as a whole."""

    def __init__(self, status: int, reason: str, detail: str, *, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.reason = reason
        self.detail = detail
        self.headers = headers or {}


def answer_problem(_request: HttpRequest, problem: ApiProblem) -> HttpResponse:
    return JsonResponse(
        {"reason": problem.reason, "detail": problem.detail}, status=problem.status, headers=problem.headers
    )


def answer_bad_parameters(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """Every parameter that does not fit, in one sentence each."""
    details = [f"{entry['loc'][-1]}: {entry['msg']}." for entry in error.errors]
    return answer_problem(request, ApiProblem(422, "bad_parameter", " ".join(details)))


def speak_of_problems(api: NinjaAPI) -> None:
    """Give every refusal of `api` the same form."""
    # By its annotations ninja might hand over classes as well. It does not.
    api.add_exception_handler(ApiProblem, answer_problem)  # type: ignore[arg-type]
    api.add_exception_handler(ValidationError, answer_bad_parameters)  # type: ignore[arg-type]
