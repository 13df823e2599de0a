"""Signing up, in and out; preferences; taking one's data along, or away."""

from __future__ import annotations

import uuid
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login as start_session
from django.contrib.auth import logout as end_session
from django.contrib.auth import views as auth_views
from django.contrib.auth.decorators import login_required
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse, reverse_lazy
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from redis.exceptions import RedisError

from catalog.languages import language_name
from catalog.models import Item, Reader
from feedback.forgetting import forget_reader
from feedback.models import Interaction
from feedback.personal_data import personal_data_json
from feedback.readers import merge_readers
from recsite import rate_limits
from recsite.forms import LoginForm, PasswordConfirmForm, SignUpForm
from recsite.identity import UnprovenReader, find_reader
from recsite.pages.navigation import needs_cookie, next_address
from recsite.requests import SiteRequest
from recsite.visits import forget_visit

MERGE_OFFER = "merge_offer"
"""Session key: the public id of the reader whose history the account may take over."""


@require_GET
def account(request: SiteRequest) -> HttpResponse:
    return render(request, "pages/account.html", {"language_choices": _language_choices(request)})


@require_POST
def preferences(request: SiteRequest) -> HttpResponse:
    try:
        reader = request.reader.prove(now=request.now)
    except UnprovenReader:
        return needs_cookie(request)
    offered = Item.objects.languages()
    reader.languages = [code for code in request.POST.getlist("languages") if code in offered]
    reader.save(update_fields=["languages"])
    messages.success(request, "Saved. Your next page will use these languages.")
    return redirect("account")


@require_POST
def personalisation(request: SiteRequest) -> HttpResponse:
    """Switch the personal feed on or off: a wish that holds from the next page on."""
    try:
        reader = request.reader.prove(now=request.now)
    except UnprovenReader:
        return needs_cookie(request)
    reader.personalised = request.POST.get("personalised") == "1"
    reader.save(update_fields=["personalised"])
    messages.success(request, "Your feed is yours again." if reader.personalised else "Your feed is the same for all.")
    return redirect("account")


@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def signup(request: SiteRequest) -> HttpResponse:
    """A new account for the reader who browses here, with all their history."""
    if request.user.is_authenticated:
        return redirect("account")
    form = SignUpForm(request.POST or None)
    if request.method == "POST":
        if rate_limits.SIGNUP_BY_ADDRESS.exceeded(request.client_address):
            return too_many_requests(request, rate_limits.SIGNUP_BY_ADDRESS)
        if form.is_valid() and _sign_up(request, form):
            return redirect(next_address(request, default=reverse("home")))
    return render(request, "pages/account/signup.html", {"form": form, "next": next_address(request, default="")})


def _sign_up(request: SiteRequest, form: SignUpForm) -> bool:
    """Make the account; False, with an error on the form, if the address has one."""
    email = form.cleaned_data["email"]
    try:
        with transaction.atomic():
            user = User.objects.create_user(email, email, form.cleaned_data["password"])
            reader = request.reader.row or Reader(public_id=request.reader.public_id, created_at=request.now)
            reader.user = user
            reader.save()
    except IntegrityError:
        form.add_error("email", "There is an account with this address. Log in, or set a new password.")
        return False
    start_session(request, user)
    return True


@method_decorator(sensitive_post_parameters(), name="dispatch")
class Login(auth_views.LoginView):
    template_name = "pages/account/login.html"
    authentication_form = LoginForm
    redirect_authenticated_user = True
    # Django's view would call the site by its address.
    extra_context = {"site_name": settings.SITE_NAME}
    request: SiteRequest

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        by_account = rate_limits.LOGIN_BY_ACCOUNT.exceeded(request.POST.get("username", "").strip().lower())
        if rate_limits.LOGIN_BY_ADDRESS.exceeded(self.request.client_address):
            return too_many_requests(self.request, rate_limits.LOGIN_BY_ADDRESS)
        if by_account:
            return too_many_requests(self.request, rate_limits.LOGIN_BY_ACCOUNT)
        return super().post(request, *args, **kwargs)

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        """Log in; what was read here before signing in is offered, never taken without asking."""
        browsing = self.request.reader.row
        response = super().form_valid(form)
        user = form.get_user()
        if browsing is not None and browsing.user_id is None and not _has_reader(user, browsing):
            self.request.session[MERGE_OFFER] = browsing.public_id.hex
            return redirect(f"{reverse('merge')}?{urlencode({'next': self.get_success_url()})}")
        return response


def _has_reader(user: User, reader: Reader) -> bool:
    return Reader.objects.filter(user=user, pk=reader.pk).exists()


@require_GET
def admin_login(request: SiteRequest) -> HttpResponse:
    """The admin's own log-in page would be a second door, without limits on guessing."""
    if request.user.is_authenticated:
        raise PermissionDenied
    return redirect(f"{reverse('login')}?{urlencode({'next': next_address(request, default=reverse('admin:index'))})}")


@require_POST
def logout(request: SiteRequest) -> HttpResponse:
    end_session(request)
    request.reader.forget()
    return redirect("home")


@login_required
@require_http_methods(["GET", "POST"])
def merge(request: SiteRequest) -> HttpResponse:
    """Ask whether what was read here before logging in belongs to the account."""
    offered = _offered_reader(request)
    after = next_address(request, default=reverse("home"))
    if offered is None:
        return redirect(after)
    if request.method == "GET":
        count = Interaction.objects.standing().filter(reader=offered).count()
        return render(request, "pages/account/merge.html", {"next": after, "count": count})
    del request.session[MERGE_OFFER]
    if request.POST.get("answer") == "merge":
        merge_readers(old=offered, into=request.reader.prove(now=request.now), now=request.now)
        messages.success(request, "Done. What you read here before is now part of your account.")
    return redirect(after)


def _offered_reader(request: SiteRequest) -> Reader | None:
    public_id = request.session.get(MERGE_OFFER)
    reader = find_reader(uuid.UUID(public_id)) if public_id else None
    return reader if reader is not None and reader.user_id is None else None


class PasswordReset(auth_views.PasswordResetView):
    request: SiteRequest
    template_name = "pages/account/password_reset.html"
    email_template_name = "emails/password_reset.txt"
    subject_template_name = "emails/password_reset_subject.txt"
    extra_email_context = {"site_name": settings.SITE_NAME}
    success_url = reverse_lazy("password_reset_done")

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        by_account = rate_limits.RESET_BY_ACCOUNT.exceeded(request.POST.get("email", "").strip().lower())
        if rate_limits.RESET_BY_ADDRESS.exceeded(self.request.client_address):
            return too_many_requests(self.request, rate_limits.RESET_BY_ADDRESS)
        if by_account:
            # The same page as ever: another one would tell strangers who has asked before.
            return redirect(self.success_url)
        return super().post(request, *args, **kwargs)


class PasswordResetConfirm(auth_views.PasswordResetConfirmView):
    template_name = "pages/account/password_reset_confirm.html"
    success_url = reverse_lazy("login")


class PasswordChange(auth_views.PasswordChangeView):
    template_name = "pages/account/password_change.html"
    success_url = reverse_lazy("account")

    def form_valid(self, form: Any) -> HttpResponse:
        messages.success(self.request, "Your password is changed.")
        return super().form_valid(form)


@require_GET
def export_data(request: SiteRequest) -> HttpResponseBase:
    """Everything kept about this reader, as one JSON file."""
    data = personal_data_json(reader=request.reader.row, public_id=request.reader.public_id)
    response = StreamingHttpResponse(data, content_type="application/json")
    response["Content-Disposition"] = 'attachment; filename="my-data.json"'
    response["Cache-Control"] = "no-store"
    return response


@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def delete_account(request: SiteRequest) -> HttpResponse:
    """Delete the reader, the account if there is one, and all they did."""
    user = request.user if request.user.is_authenticated else None
    form = PasswordConfirmForm(request.POST or None, user=user) if user else None
    if request.method == "POST" and (form is None or form.is_valid()):
        public_id = request.reader.public_id
        with transaction.atomic():
            forget_reader(public_id=public_id, now=request.now)
            if user is not None:
                User.objects.filter(pk=user.pk).delete()
        with suppress(RedisError):  # what Redis holds of the visit ends within half an hour by itself
            forget_visit(public_id)
        end_session(request)
        request.reader.forget()
        return render(request, "pages/account/deleted.html")
    return render(request, "pages/account/delete.html", {"form": form})


def too_many_requests(request: SiteRequest, limit: rate_limits.RateLimit) -> HttpResponse:
    response = render(request, "429.html", {"retry_after": limit.window_s}, status=429)
    response["Retry-After"] = str(limit.window_s)
    return response


def _language_choices(request: SiteRequest) -> list[dict[str, Any]]:
    offered = Item.objects.languages()
    chosen = request.reader.languages(offered)
    return [{"code": code, "name": language_name(code), "chosen": code in chosen} for code in offered]
