"""Settings. The only module that reads the environment; a bad value is refused by name.

Values come from the environment. `DEMO=1` marks the one-machine demo: there, what the environment does not say is
read from
`var/demo.env`, which the launcher wrote. Anything but a demo must name SECRET_KEY, ALLOWED_HOSTS, DATABASE_URL and
REDIS_URL.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dj_database_url
from celery.schedules import crontab
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off", ""}
_file_values: dict[str, str] = {}


# --- reading the environment ---


def _raw(name: str) -> str | None:
    value = os.environ.get(name)
    return value if value else _file_values.get(name)


def _refuse(name: str, value: str, wanted: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(f"{name}={value!r} is not valid: it must be {wanted}.")


def _required(name: str, hint: str) -> str:
    value = _raw(name)
    if value is None:
        raise ImproperlyConfigured(f"{name} is not set. {hint} (`make demo` needs none of this.)")
    return value


def _flag(name: str, *, default: bool = False) -> bool:
    value = _raw(name)
    if value is None:
        return default
    if value.lower() not in _TRUE | _FALSE:
        raise _refuse(name, value, "1 or 0")
    return value.lower() in _TRUE


def _integer(name: str, default: int, *, low: int, high: int) -> int:
    value = _raw(name)
    if value is None:
        return default
    if not value.isascii() or not value.isdigit() or not low <= int(value) <= high:
        raise _refuse(name, value, f"a whole number from {low} to {high}")
    return int(value)


def _share(name: str, default: float) -> float:
    return _number(name, default, high=1)


def _number(name: str, default: float, *, high: float) -> float:
    value = _raw(name)
    if value is None:
        return default
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    if not 0 <= number <= high:
        raise _refuse(name, value, f"a number from 0 to {high:g}")
    return number


def _numbers(name: str, known: tuple[str, ...]) -> dict[str, float]:
    """name=number, separated by commas. Names are those of `known`, numbers not below 0."""
    pairs = (pair.partition("=") for pair in _words(name, []))
    found = {}
    for key, _, number in pairs:
        try:
            found[key] = float(number)
        except ValueError:
            found[key] = -1.0
        if key not in known or not 0 <= found[key] < float("inf"):
            raise _refuse(
                name, _raw(name) or "", f"pairs such as {known[0]}=0.05,{known[-1]}=100; there are {', '.join(known)}"
            )
    return found


def _words(name: str, default: list[str]) -> list[str]:
    value = _raw(name)
    return default if value is None else [word.strip() for word in value.split(",") if word.strip()]


def _url(name: str, value: str, schemes: set[str]) -> str:
    if urlsplit(value).scheme not in schemes:
        raise _refuse(
            name, "..." if "@" in value else value, f"an address that begins with {' or '.join(sorted(schemes))}://"
        )
    return value


def _read_env_file(path: Path) -> dict[str, str]:
    """KEY=value lines. A missing file is an empty one: the launcher writes it on the first start."""
    if not path.exists():
        return {}
    pairs = (line.split("=", 1) for line in path.read_text().splitlines() if "=" in line)
    return {key.strip(): value.strip() for key, value in pairs}


# --- where and how it runs ---

DEMO = _flag("DEMO")
DEBUG = _flag("DEBUG")
SIMULATION = _flag("SIMULATION")
"""Let a signed header set the clock of a request. `check --deploy` refuses it."""

VAR_DIR = Path(_raw("VAR_DIR") or BASE_DIR / "var").absolute()
GIVEN_DATABASE_URL = _raw("DATABASE_URL")
GIVEN_REDIS_URL = _raw("REDIS_URL")
"""What the environment itself says, before the demo's own file fills the gaps: the launcher starts a server for each
one missing."""

if DEMO:
    _file_values = _read_env_file(VAR_DIR / "demo.env")

PORT = _integer("PORT", 8000, low=1, high=65535)
DATA = _raw("DATA")
AUDIENCE = _integer("AUDIENCE", 0 if DATA else 30, low=0, high=1000)
"""How many made-up readers use the demo in the background. None where the catalogue is somebody's own, unless asked."""

SECRET_KEY = (
    _raw("SECRET_KEY") or secrets.token_urlsafe(50)
    if DEMO
    else _required("SECRET_KEY", "Make one with: python -c 'import secrets; print(secrets.token_urlsafe(50))'.")
)
SECRET_KEY_FALLBACKS = _words("SECRET_KEY_FALLBACKS", [])
ALLOWED_HOSTS = (
    _words("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
    if DEMO
    else [
        host.strip() for host in _required("ALLOWED_HOSTS", "Name the hosts you serve, separated by commas.").split(",")
    ]
)
_database_url = (
    _raw("DATABASE_URL") or "postgresql:///recsite"
    if DEMO
    else _required("DATABASE_URL", "For example postgresql://user:password@host:5432/name.")
)
REDIS_URL = _url(
    "REDIS_URL",
    _raw("REDIS_URL") or "redis://localhost:6379"
    if DEMO
    else _required("REDIS_URL", "For example redis://host:6379, or unix:///path/to/redis.sock."),
    {"redis", "rediss", "unix"},
)

SITE_NAME = _raw("SITE_NAME") or "Meander"
SITE_TAGLINE = "Something good to read, and a feed that listens."

HTTPS = _flag("HTTPS", default=not (DEMO or DEBUG))
"""Whether readers reach the site over TLS: decides secure cookies, HSTS and the redirect."""

TRUSTED_PROXIES = _integer("TRUSTED_PROXIES", 0, low=0, high=10)
"""How many proxies of our own stand in front. 0: no forwarded header is believed."""

METRICS_TOKEN = _raw("METRICS_TOKEN")
"""Bearer token for /metrics. Without one the page exists in a demo only."""

PROMETHEUS_DIR = _raw("PROMETHEUS_MULTIPROC_DIR") or (str(VAR_DIR / "metrics") if DEMO else None)
PROMETHEUS_SINCE = "since"
"""A file of that folder, as old as what is counted there."""
if PROMETHEUS_DIR:
    # prometheus_client reads this variable itself, when it is first imported.
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = PROMETHEUS_DIR
    Path(PROMETHEUS_DIR).mkdir(parents=True, exist_ok=True)
    if not (Path(PROMETHEUS_DIR) / PROMETHEUS_SINCE).exists():
        (Path(PROMETHEUS_DIR) / PROMETHEUS_SINCE).touch()

# --- applications ---

INSTALLED_APPS = [
    "recsite.apps.RecsiteConfig",
    "catalog",
    "feedback",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.sitemaps",
    "whitenoise.runserver_nostatic",
    "recsite.apps.SiteStaticFiles",
    "csp",
    "django_celery_beat",
    "django_celery_results",
    "django_htmx",
    "ninja",
]

MIDDLEWARE = [
    "recsite.middleware.request_id",
    "recsite.middleware.answer_probes",
    "recsite.middleware.measure_request",
    "recsite.middleware.trust_proxies",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "recsite.middleware.unavailable_without_database",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "recsite.middleware.identify_reader",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "recsite.urls"
WSGI_APPLICATION = "recsite.wsgi.application"

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "recsite.pages.context.site",
            ],
        },
    }
]

# --- data ---

try:
    _database: dict[str, Any] = {**dj_database_url.parse(_database_url)}
except (ValueError, dj_database_url.ParseError) as error:
    raise ImproperlyConfigured(
        "DATABASE_URL is not valid: it must look like postgresql://user:password@host:5432/name."
    ) from error
if _database.get("ENGINE") != "django.db.backends.postgresql":
    raise ImproperlyConfigured(
        "DATABASE_URL is not valid: it must begin with postgresql://. There is one database engine here."
    )

DATABASE_POOL_SIZE = _integer("DATABASE_POOL_SIZE", 8, low=1, high=200)
_options: dict[str, Any] = _database.get("OPTIONS") or {}
_database["OPTIONS"] = _options | {
    "pool": {"min_size": 1, "max_size": DATABASE_POOL_SIZE, "timeout": 5},
    "connect_timeout": 3,
}
_database["CONN_HEALTH_CHECKS"] = True
DATABASES = {"default": _database}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"


def _redis_database(url: str, number: int) -> str:
    """The same server, another of its numbered databases."""
    if urlsplit(url).scheme == "unix":
        return f"{url.partition('?')[0]}?db={number}"
    return urlsplit(url)._replace(path=f"/{number}").geturl()


CACHES = {
    "default": {
        "BACKEND": "recsite.redis_cache.CountingRedisCache",
        "LOCATION": _redis_database(REDIS_URL, 1),
        "KEY_PREFIX": "recsite",
        "OPTIONS": {"socket_connect_timeout": 0.25, "socket_timeout": 0.5},
    }
}

# --- jobs ---

CELERY_BROKER_URL = (
    f"redis+socket://{urlsplit(REDIS_URL).path}?virtual_host=0"
    if urlsplit(REDIS_URL).scheme == "unix"
    else _redis_database(REDIS_URL, 0)
)
CELERY_RESULT_BACKEND = "django-db"
CELERY_RESULT_EXTENDED = True
CELERY_TASK_TRACK_STARTED = True
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_ROUTES = {"recsite.tasks.retrain_*": {"queue": "training"}}
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 4 * 3600}
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "recsite.beat:Scheduler"
CELERY_BEAT_SCHEDULE = {
    "refresh-popularity": {"task": "recsite.tasks.refresh_popularity", "schedule": 60.0},
    "clear-sessions": {"task": "recsite.tasks.clear_sessions", "schedule": 24 * 3600.0},
    "refresh-sources": {"task": "recsite.tasks.refresh_sources", "schedule": 120.0},
    "embed-new-items": {"task": "recsite.tasks.embed_new_items", "schedule": 60.0},
    "prune-releases": {"task": "recsite.tasks.prune_releases", "schedule": 24 * 3600.0},
    "retrain-retriever": {
        "task": "recsite.tasks.retrain_retriever",
        "schedule": 900.0 if DEMO else crontab(hour="3", minute="10"),
        "options": {"expires": 900.0 if DEMO else 12 * 3600.0},
    },
    "retrain-reranker": {
        "task": "recsite.tasks.retrain_reranker",
        "schedule": 300.0 if DEMO else 3600.0,
        "options": {"expires": 300.0 if DEMO else 3600.0},
    },
    "count-log": {"task": "recsite.tasks.count_log", "schedule": 60.0, "options": {"expires": 60.0}},
    "keep-log": {"task": "recsite.tasks.keep_log", "schedule": 3600.0},
}

# --- the log ---

SLATE_DETAIL_SHARE = _share("SLATE_DETAIL_SHARE", 1.0)
"""For which share of slates every candidate is kept, not only what was shown."""

SLATE_RETENTION_DAYS = _integer("SLATE_RETENTION_DAYS", 400, low=8, high=10_000)
DETAIL_RETENTION_DAYS = _integer("DETAIL_RETENTION_DAYS", 60, low=8, high=10_000)
INTERACTION_RETENTION_DAYS = _integer("INTERACTION_RETENTION_DAYS", 800, low=8, high=10_000)

# --- releases ---

ARTEFACT_URL = _raw("ARTEFACT_URL") or f"file://{VAR_DIR}/artefacts"
"""Where what was trained lies: a folder, or any address that fsspec knows, such as s3://bucket/folder."""

ARTEFACT_CACHE = Path(_raw("ARTEFACT_CACHE") or VAR_DIR / "artefact-cache")
"""Where this machine keeps its copies of those files."""

LOOP_RESULTS = Path(_raw("LOOP_RESULTS") or BASE_DIR / "docs" / "loop" / "results-default.json")
"""What a simulation of the loop found, drawn on its staff page where the file is there."""

CODE_VERSION = _raw("CODE_VERSION") or ""
"""Which version of the code this is, where there is no checkout to ask, in a container for example."""
if len(CODE_VERSION) > 80:
    raise _refuse("CODE_VERSION", CODE_VERSION, "at most 80 characters")

RELEASE_POLL_S = _integer("RELEASE_POLL_S", 5, low=0, high=3600)
"""How often a web process looks for another live release though nobody told it of one. 0: it looks only when asked to,
as tests do."""

EXPLORATION_SHARE = _share("EXPLORATION_SHARE", 0.1)
EXPLORATION_OUTSIDE_SHARE = _share("EXPLORATION_OUTSIDE_SHARE", 0.2)

TRAINING_SIZE = _raw("TRAINING_SIZE") or ("small" if DEMO else "full")
if TRAINING_SIZE not in {"small", "full"}:
    raise _refuse("TRAINING_SIZE", TRAINING_SIZE, "small or full")

POPULARITY_PRIOR = _number("POPULARITY_PRIOR", 0.0, high=2)
"""How much popularity counts in retrieval (alpha of `retrieval.popularity_prior`); 0: logQ instead."""

_CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

TRAINING_THREADS = _integer("TRAINING_THREADS", max(1, _CORES // 2), low=1, high=1024)
"""Of torch and of matrix products, while a training runs. After each of its thousands of small steps its threads wait
for each other; where somebody else has one of their cores, each of those waits lasts until they get it back."""

GATE_READERS = _integer("GATE_READERS", 50 if DEMO else 300, low=1, high=1_000_000)
GATE_POSITIVES = _integer("GATE_POSITIVES", 200 if DEMO else 1000, low=1, high=100_000_000)
"""So many readers with history and so many positives must lie in the window that a gate measures on."""

GATE_RERANKER_WAIT_MIN = _integer("GATE_RERANKER_WAIT_MIN", 5 if DEMO else 360, low=0, high=100_000)
"""A newer ranker alone does not follow a promotion sooner, so that noise has no say every hour."""

GATE_LIMITS = _numbers(
    "GATE_LIMITS",
    (
        "routine_loss",
        "reranker_loss",
        "month_loss",
        "feed_loss",
        "coverage_kept",
        "overlap",
        "overlap_added",
        "data_kept",
        "latency_p99_ms",
        "size_mib",
    ),
)
"""In place of the defaults of `recsite.training.gate.Limits`."""

RERANKER_VISITS = _integer("RERANKER_VISITS", 200 if DEMO else 2000, low=1, high=100_000_000)
"""From so many finished visits with a click on, a ranker learns from impressions."""

# --- people ---

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "home"
PASSWORD_RESET_TIMEOUT = 3 * 3600

READER_COOKIE = "reader"
READER_COOKIE_AGE_S = 400 * 24 * 3600
"""400 days: the longest that browsers keep a cookie."""

_MAIL_SCHEMES = {"smtp", "smtps", "smtp+tls", "file", "console"}
_email_url = _url("EMAIL_URL", _raw("EMAIL_URL") or (f"file://{VAR_DIR}/mail" if DEMO else "console://"), _MAIL_SCHEMES)
_email = urlsplit(_email_url)
EMAIL_BACKEND = {
    "file": "django.core.mail.backends.filebased.EmailBackend",
    "console": "django.core.mail.backends.console.EmailBackend",
}.get(_email.scheme, "django.core.mail.backends.smtp.EmailBackend")
EMAIL_FILE_PATH = _email.path
EMAIL_HOST = _email.hostname or "localhost"
EMAIL_PORT = _email.port or 25
EMAIL_HOST_USER = _email.username or ""
EMAIL_HOST_PASSWORD = _email.password or ""
EMAIL_USE_TLS = _email.scheme == "smtp+tls"
EMAIL_USE_SSL = _email.scheme == "smtps"
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = (
    _raw("DEFAULT_FROM_EMAIL") or f"{SITE_NAME} <noreply@{ALLOWED_HOSTS[0].lstrip('.') or 'localhost'}>"
)

# --- safety ---

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "font-src": [SELF],
        "img-src": [SELF, "https:", "http:"],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "worker-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "recsite.pages.errors.csrf_failure"
CSRF_TRUSTED_ORIGINS = _words("CSRF_TRUSTED_ORIGINS", [])
SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = _flag("HSTS_SUBDOMAINS", default=HTTPS)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000_000

# --- words, time, files ---

LANGUAGE_CODE = "en"
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "static/"
STATIC_ROOT = Path(_raw("STATIC_ROOT") or VAR_DIR / "static")
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "recsite.static_files.HashedStaticFiles"},
}
WHITENOISE_MAX_AGE = 3600

# --- logs ---

LOG_LEVEL = (_raw("LOG_LEVEL") or "INFO").upper()
if LOG_LEVEL not in {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"}:
    raise _refuse("LOG_LEVEL", LOG_LEVEL, "DEBUG, INFO, WARNING, ERROR or CRITICAL")

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"request_id": {"()": "recsite.logs.RequestIdFilter"}},
    "formatters": {
        "json": {
            "()": "pythonjsonlogger.json.JsonFormatter",
            "fmt": "%(asctime)s %(levelname)s %(name)s %(message)s %(request_id)s",
            "rename_fields": {"asctime": "time", "levelname": "level", "name": "logger"},
        }
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json", "filters": ["request_id"]}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        "django": {"handlers": [], "level": LOG_LEVEL, "propagate": True},
        "django.server": {"handlers": [], "level": LOG_LEVEL, "propagate": True},
        "celery": {"level": LOG_LEVEL, "propagate": True},
        # They tell at length what concerns nobody: which build of FAISS was found, each pass over an exported model.
        **{name: {"level": "WARNING", "propagate": True} for name in ("faiss.loader", "onnxscript", "onnx_ir")},
    },
}
