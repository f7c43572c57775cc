"""Settings, all from the environment; `.env.example` documents every name.

A process gets only what its role may hold (`cftapp.access.roles`): without VAULT_DATABASE_URL it has no "vault" in
DATABASES, so a query against a vault model fails there before PostgreSQL is even asked.
"""

import os
import secrets
import tomllib
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

from cftapp.access.databases import connection_settings
from cftapp.operations.logging import logging_config

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()
if os.environ.get("CFT_READ_DOT_ENV"):
    environ.Env.read_env(BASE_DIR / ".env")
VERSION: str = tomllib.loads((BASE_DIR / "pyproject.toml").read_text())["project"]["version"]

# --- this process ---------------------------------------------------------------------------------------------------
CFT_ROLE: str = env.str("CFT_ROLE", default="owner")
DEBUG: bool = env.bool("CFT_DEBUG", default=False)
CFT_VAR = Path(env.str("CFT_VAR", default=str(BASE_DIR / "var")))
CFT_URL: str = env.str("CFT_URL", default="http://127.0.0.1:8000")
CFT_BASE_MODEL: str = env.str("CFT_BASE_MODEL", default=str(BASE_DIR / "training" / "demo_model" / "base"))
CFT_EMBEDDING_MODEL: str = env.str("CFT_EMBEDDING_MODEL", default="")  # empty: the one in the wheel; "off": none
CFT_MULTILINGUAL_MODEL: str = env.str("CFT_MULTILINGUAL_MODEL", default="")  # the same, for other languages
CFT_MODEL_SERVER_URL: str = env.str("CFT_MODEL_SERVER_URL", default="http://127.0.0.1:8001")
# Calls that may be with the model server at a time; the next is answered with 503 and Retry-After.
CFT_MODEL_SERVER_CALLS: int = env.int("CFT_MODEL_SERVER_CALLS", default=64)
CFT_VAULT_NAME: str = env.str("CFT_VAULT_NAME", default="vault")  # each run asks for it, and must be refused
CFT_TRAINING_DEVICE: str = env.str("CFT_TRAINING_DEVICE", default="auto")  # auto, cpu or cuda
CFT_TRAINING_DTYPE: str = env.str("CFT_TRAINING_DTYPE", default="auto")  # auto (as stored), float32 or bfloat16
CFT_TRAINING_THREADS: int = env.int("CFT_TRAINING_THREADS", default=1)


def key_from_hex(name: str) -> bytes | None:
    """A key of at least 16 bytes from the hexadecimal variable `name`, or None where the role does not hold it."""
    value = env.str(name, default="")
    if not value:
        return None
    try:
        key = bytes.fromhex(value)
    except ValueError as problem:
        raise ImproperlyConfigured(f"{name} must be hexadecimal, such as `openssl rand -hex 32` prints.") from problem
    if len(key) < 16:
        raise ImproperlyConfigured(f"{name} holds {len(key)} bytes; at least 16 are needed (`openssl rand -hex 32`).")
    return key


def path_or_none(name: str) -> Path | None:
    value = env.str(name, default="")
    return Path(value) if value else None


CFT_SUBJECT_KEY = key_from_hex("CFT_SUBJECT_KEY")
CFT_REGISTRY_KEY = key_from_hex("CFT_REGISTRY_KEY")
CFT_SIGNING_KEY_FILE = path_or_none("CFT_SIGNING_KEY_FILE")
CFT_AUDIT_PUBLIC_KEY_FILE = path_or_none("CFT_AUDIT_PUBLIC_KEY_FILE")

SECRET_KEY: str = env.str("CFT_SECRET_KEY", default="")
if not SECRET_KEY:
    if CFT_ROLE == "web" and not DEBUG:
        raise ImproperlyConfigured("CFT_SECRET_KEY is not set: the web process signs sessions with it.")
    SECRET_KEY = secrets.token_urlsafe(50)  # signs nothing that outlives this process

# --- applications ---------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "cftapp.accounts.apps.BackOfficeConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "rest_framework",
    "drf_spectacular",
    "django_htmx",
    "csp",
    "audit",
    "feedback",
    "curation",
    "training",
    "evaluation",
    "evaluation.vault",
    "serving",
    "cftapp.accounts",
    "cftapp",
]

MIDDLEWARE = [
    "cftapp.operations.logging.RequestLog",
    "cftapp.operations.programs.short_way",
    "cftapp.operations.compression.GZipPages",
    "django.middleware.security.SecurityMiddleware",
    "cftapp.operations.static_files.StaticFiles",
    "cftapp.operations.caching.store_nothing",
    "csp.middleware.CSPMiddleware",
    "cftapp.operations.errors.no_blank_page",
    "cftapp.operations.addresses.Addresses",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "cftapp.console.counts.forget_after_change",
]

ROOT_URLCONF = "cftapp.urls"
APPEND_SLASH = False  # either spelling of an address is answered, without a redirect (operations.addresses)
ASGI_APPLICATION = "cftapp.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- databases ------------------------------------------------------------------------------------------------------
DATABASES: dict[str, dict[str, Any]] = {
    "default": connection_settings(env.str("DATABASE_URL", default="postgresql:///cft"), CFT_ROLE),
}
if vault_url := env.str("VAULT_DATABASE_URL", default=""):
    DATABASES["vault"] = connection_settings(vault_url, CFT_ROLE)
DATABASE_ROUTERS = ["cftapp.access.databases.VaultRouter"]

# --- Redis: the queues' doorbell and the cache, nothing that may not be lost ------------------------------------------
REDIS_URL: str = env.str("REDIS_URL", default="redis://127.0.0.1:6379/0")
CACHES = {
    "default": {
        "BACKEND": "cftapp.operations.cache.Cache",
        "LOCATION": REDIS_URL,
        "OPTIONS": {"serializer": "cftapp.operations.cache.JSONSerializer"},
    }
}

CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://", 1)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 12 * 3600,
    "socket_keepalive": True,
    "health_check_interval": 15,
    "retry_on_timeout": True,
    # What a worker took and has not acknowledged is its own: no other role may read or change it.
    **{f"{name}_key": f"unacked:{CFT_ROLE}:{name}" for name in ("unacked", "unacked_index", "unacked_mutex")},
}
CELERY_TASK_SERIALIZER = "json"
CELERY_RESULT_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_IGNORE_RESULT = True
# Only the screener's batches wait for one another (a chord); elsewhere every message would cost a subscription.
CELERY_RESULT_BACKEND = CELERY_BROKER_URL if CFT_ROLE == "screener" else None
CELERY_TASK_ACKS_LATE = False  # the claim on the row, not the message, is what must not be lost or doubled
CELERY_TASK_DEFAULT_QUEUE = "curation"
CELERY_TASK_CREATE_MISSING_QUEUES = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_CONCURRENCY = 1
CELERY_WORKER_POOL = "threads"
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_BEAT_SCHEDULER = "celery.beat:Scheduler"  # keeps nothing: every sweep comes round within the hour
CELERY_TIMEZONE = "UTC"

# --- accounts and HTTP ------------------------------------------------------------------------------------------------
AUTHENTICATION_BACKENDS = ["cftapp.accounts.backend.PasswordBackend"]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "home"
PASSWORD_RESET_TIMEOUT = 86_400  # a link to choose a password: `cftapp.accounts.models.LINK_LASTS`, and a guard
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

ALLOWED_HOSTS: list[str] = env.list("CFT_ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"])
SECURE_COOKIES: bool = env.bool("CFT_SECURE_COOKIES", default=CFT_URL.startswith("https://"))
CSRF_TRUSTED_ORIGINS: list[str] = env.list("CFT_TRUSTED_ORIGINS", default=[CFT_URL])
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_COOKIES
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SECURE_SSL_REDIRECT: bool = env.bool("CFT_SSL_REDIRECT", default=SECURE_COOKIES)
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
SECURE_HSTS_SECONDS: int = env.int("CFT_HSTS_SECONDS", default=31_536_000 if SECURE_COOKIES else 0)
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = SECURE_HSTS_SECONDS > 0
# Whether a proxy in front says by which scheme and from which address a request came; else nobody's word is taken.
CFT_BEHIND_PROXY: bool = env.bool("CFT_BEHIND_PROXY", default=False)
if CFT_BEHIND_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 2**20
CFT_METRICS_TOKEN: str = env.str("CFT_METRICS_TOKEN", default="")  # who sends it may read /metrics
CFT_METRICS_PORT: int | None = env.int("CFT_METRICS_PORT", default=None)  # where a worker answers scrapes
CFT_API_REQUESTS_PER_MINUTE: int = env.int("CFT_API_REQUESTS_PER_MINUTE", default=12_000)
# Protected items of which leaks are made, after a publication, for the page on which thresholds are tuned.
CFT_LABELLED_ITEMS: int = env.int("CFT_LABELLED_ITEMS", default=100)

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "style-src": ["'self'"],
        "script-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
    },
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.SessionAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["cftapp.base.rest.RolesReadEngineersAct"],
    "DEFAULT_PAGINATION_CLASS": "cftapp.base.rest.NewestFirst",
    "EXCEPTION_HANDLER": "cftapp.base.problems.handle",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["cftapp.base.parsers.JsonParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "cftapp",
    "VERSION": VERSION,
    "SERVE_INCLUDE_SCHEMA": False,
    "ENUM_NAME_OVERRIDES": {
        "CorrectionReason": "feedback.models.Correction.Reason",
        "PromotionReason": "serving.models.Promotion.Reason",
        "GateVerdict": "evaluation.models.Verdict",
        "JobState": "cftapp.base.jobs.Job.State",
    },
}

# --- static files, language, logs -------------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = CFT_VAR / "static"
STATICFILES_DIRS = [folder for folder in [BASE_DIR / "static"] if folder.is_dir()]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "cftapp.operations.static_files.HashedFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = DEBUG
WHITENOISE_AUTOREFRESH = DEBUG

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False

LOGGING_CONFIG = "cftapp.operations.logging.configure"
LOGGING = logging_config(
    role=CFT_ROLE,
    level=env.str("CFT_LOG_LEVEL", default="INFO"),
    style=env.str("CFT_LOG_FORMAT", default="console" if DEBUG else "json"),
)
