"""Every address of the site."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.views import PasswordResetDoneView
from django.contrib.sitemaps import views as sitemaps
from django.urls import include, path, register_converter

from recsite.api.routes import api
from recsite.converters import UnicodeSlug
from recsite.pages import account, home, items, library, machines, reactions, search, topics

register_converter(UnicodeSlug, "uslug")

handler400 = "recsite.pages.errors.bad_request"
handler403 = "recsite.pages.errors.forbidden"
handler404 = "recsite.pages.errors.not_found"
handler500 = "recsite.pages.errors.server_error"

urlpatterns = [
    path("", home.home, name="home"),
    path("welcome/", home.welcome, name="welcome"),
    path("items/<uslug:slug>/", items.item, name="item"),
    path("items/<uslug:slug>/react/", reactions.react, name="react"),
    path("topics/", topics.topics, name="topics"),
    path("topics/<uslug:slug>/", topics.topic, name="topic"),
    path("topics/<uslug:slug>/follow/", topics.follow_topic, name="follow_topic"),
    path("topics/<uslug:slug>/hide/", reactions.hide_topic, name="hide_topic"),
    path("topics/<uslug:slug>/feed.atom", machines.NewestItemsOfTopic(), name="topic_feed_atom"),
    path("authors/<uslug:slug>/", topics.author, name="author"),
    path("authors/<uslug:slug>/follow/", topics.follow_author, name="follow_author"),
    path("authors/<uslug:slug>/hide/", reactions.hide_author, name="hide_author"),
    path("search/", search.search, name="search"),
    path("search/suggest/", search.suggest, name="suggest"),
    path("saved/", library.saved, name="saved"),
    path("dismissed/", library.dismissed, name="dismissed"),
    path("history/", library.history, name="history"),
    path("history/<int:interaction_id>/undo/", library.history_undo, name="history_undo"),
    path("following/", library.following, name="following"),
    path("account/", account.account, name="account"),
    path("account/preferences/", account.preferences, name="preferences"),
    path("account/personalisation/", account.personalisation, name="personalisation"),
    path("account/signup/", account.signup, name="signup"),
    path("account/login/", account.Login.as_view(), name="login"),
    path("account/logout/", account.logout, name="logout"),
    path("account/merge/", account.merge, name="merge"),
    path("account/password/change/", account.PasswordChange.as_view(), name="password_change"),
    path("account/password/reset/", account.PasswordReset.as_view(), name="password_reset"),
    path(
        "account/password/reset/done/",
        PasswordResetDoneView.as_view(template_name="pages/account/password_reset_done.html"),
        name="password_reset_done",
    ),
    path(
        "account/password/reset/<uidb64>/<token>/",
        account.PasswordResetConfirm.as_view(),
        name="password_reset_confirm",
    ),
    path("account/export/", account.export_data, name="export_data"),
    path("account/delete/", account.delete_account, name="delete_account"),
    path("covers/<uslug:topic_slug>/<slug:key>.svg", machines.cover, name="cover"),
    path("favicon.ico", machines.favicon, name="favicon"),
    path("feed.atom", machines.NewestItemsOfAll(), name="feed_atom"),
    path("offline/", machines.offline, name="offline"),
    path("robots.txt", machines.robots, name="robots"),
    path("sw.js", machines.service_worker, name="service_worker"),
    path(
        "sitemap.xml",
        sitemaps.index,
        {"sitemaps": machines.SITEMAPS, "sitemap_url_name": "sitemap_section"},
        name="sitemap",
    ),
    path("sitemap-<section>.xml", sitemaps.sitemap, {"sitemaps": machines.SITEMAPS}, name="sitemap_section"),
    path("api/v1/", api.urls),
    path("staff/", include("recsite.staff.urls")),
    path("admin/login/", account.admin_login),
    path("admin/", admin.site.urls),
]
