"""Settings, read from the environment (django-environ). What each variable means: docs/operating.md."""

import sys
from datetime import timedelta
from pathlib import Path

import django_stubs_ext
import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

django_stubs_ext.monkeypatch()  # ModelAdmin[Rule] and the like mean the same at run time as to mypy

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = BASE_DIR / "var"

env = environ.Env()

PRODUCTION = env.bool("OPSPORTAL_PRODUCTION", default=False)
DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default="" if PRODUCTION else "development-only-" + "x" * 40)
if PRODUCTION and (DEBUG or len(SECRET_KEY) < 50 or SECRET_KEY.startswith("django-insecure")):
    raise ImproperlyConfigured("Production needs DEBUG off and a SECRET_KEY of at least 50 random characters.")

BASE_URL = env.str("OPSPORTAL_BASE_URL", default="http://127.0.0.1:8000").rstrip("/")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"])
CSRF_TRUSTED_ORIGINS = [BASE_URL]

INSTALLED_APPS = [
    "opsportal.web",
    "opsportal.api",
    "opsportal.sweeps",
    "opsportal.audit",
    "opsportal.identity",
    "opsportal.calendars",
    "opsportal.vault",
    "opsportal.approvals",
    "opsportal.facts",
    "opsportal.imports",
    "opsportal.catalog",
    "opsportal.notify",
    "opsportal.integrations",
    "handoffs",
    "slos",
    "runbooks",
    "opsportal.privacy",
    "opsportal.portal",
    "opsportal.workbench",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "axes",
    "csp",
    "django_filters",
    "django_q",
    "django_tables2",
    "drf_spectacular",
    "rest_framework",
]

MIDDLEWARE = [
    "opsportal.logs.AccessMiddleware",
    "opsportal.web.middleware.TraceMiddleware",
    "opsportal.api.middleware.ProblemMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "opsportal.web.static.StaticFilesMiddleware",
    "csp.middleware.CSPMiddleware",
    "opsportal.web.middleware.PrivatePagesMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "opsportal.identity.middleware.SessionLimitMiddleware",
    "opsportal.web.middleware.PersonZoneMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "opsportal.urls"
WSGI_APPLICATION = "opsportal.wsgi.application"
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
                "opsportal.web.context.page",
                "opsportal.sweeps.context.degraded",
            ],
        },
    }
]

# --- Databases: PostgreSQL in production, SQLite embedded in the demo (docs/operating.md) ---
DATABASES = {"default": env.db("DATABASE_URL", default=f"sqlite:///{VAR_DIR / 'opsportal.sqlite3'}")}
# With MIGRATION_DATABASE_URL the tables belong to a role of their own, as which these commands run. The portal runs as
# DATABASE_URL's role, which owns nothing and is granted its rights after each migration (opsportal.audit.guard).
OWNER_COMMANDS = ("migrate", "protect_audit")
RUNTIME_ROLE = ""
if env.str("MIGRATION_DATABASE_URL", default=""):
    RUNTIME_ROLE = DATABASES["default"]["USER"]
    if sys.argv[1:2] and sys.argv[1] in OWNER_COMMANDS:
        DATABASES["default"] = env.db("MIGRATION_DATABASE_URL")
DATABASES["default"]["ATOMIC_REQUESTS"] = False
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # IMMEDIATE takes the write lock first: without it a quarter of contended transactions fail "locked".
    DATABASES["default"]["OPTIONS"] = {
        "timeout": 20,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;",
    }
else:
    DATABASES["default"]["CONN_MAX_AGE"] = 60
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    DATABASES["default"].setdefault("OPTIONS", {})["options"] = "-c statement_timeout=60000 -c timezone=UTC"
    # A server that vanished without a word (power, failover) is given up after half a minute, not after hours.
    silence = {"connect_timeout": 10, "keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
    DATABASES["default"]["OPTIONS"] = {**silence, "tcp_user_timeout": 30_000, **DATABASES["default"]["OPTIONS"]}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Identity ---
AUTH_USER_MODEL = "identity.Person"
AUDIT_VISIBLE_TEAMS = "opsportal.identity.queries.visible_team_slugs"  # the trail stands below people and asks by name
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "opsportal.identity.backends.PersonBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "/login/"
LOGIN_REDIRECT_URL = "/"
# The eleventh wrong password within 15 minutes locks the account and, apart from it, the address it came from.
AXES_FAILURE_LIMIT = 11
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = ["username", "ip_address"]
AXES_CLIENT_IP_CALLABLE = "opsportal.identity.addresses.client_address"
AXES_LOCKOUT_CALLABLE = "opsportal.identity.views.access.locked"
AXES_USERNAME_CALLABLE = "opsportal.identity.views.access.account_key"
AXES_SENSITIVE_PARAMETERS = ["username", "next", "csrfmiddlewaretoken"]
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False  # else anybody could keep an account locked for ever
AXES_VERBOSE = False
AXES_ENABLE_ADMIN = False  # the room of people shows attempts, read-only
AXES_DISABLE_ACCESS_LOG = True  # the audit trail holds sign-ins, without the typed names
TRUSTED_PROXIES = env.list("OPSPORTAL_TRUSTED_PROXIES", default=[])
SESSION_ENGINE = "opsportal.identity.sessions"
SESSION_IDLE = timedelta(minutes=60)
SESSION_LIFETIME = timedelta(hours=12)
SESSION_COOKIE_AGE = int(SESSION_LIFETIME.total_seconds())
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"

# --- Browser security: strict in every environment, cookies and HSTS hardened in production ---
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "object-src": [NONE],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "form-action": [SELF],
        "img-src": [SELF, "data:"],
    }
}
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
if PRODUCTION:
    SECURE_SSL_REDIRECT = False  # plain HTTP is refused, never redirected with a token in it
    SILENCED_SYSTEM_CHECKS = ["security.W008"]  # asks for that redirect
    SECURE_HSTS_SECONDS = 31_536_000
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-sessionid", "__Host-csrftoken"

FILE_UPLOAD_HANDLERS = ["opsportal.web.uploads.BoundedUploadHandler"]

# --- Time, language, static files ---
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-gb"
USE_I18N = False
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "opsportal.web.static.HashedFinder",
]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "opsportal.web.static.HashedStorage"},
}
WHITENOISE_USE_FINDERS = True
WHITENOISE_ALLOW_ALL_ORIGINS = False
FILTERS_EMPTY_CHOICE_LABEL = "Any"
DJANGO_TABLES2_TEMPLATE = "web/table.html"
CSRF_FAILURE_VIEW = "opsportal.web.views.csrf_refused"

# --- API ---
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "opsportal.identity.authentication.TokenAuthentication",
        "opsportal.identity.authentication.SessionAuthentication",
    ],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "EXCEPTION_HANDLER": "opsportal.api.errors.exception_handler",
    "URL_FORMAT_OVERRIDE": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "opsportal",
    "DESCRIPTION": "Handoffs, calendars, people and the trail of who did what. Errors are RFC 9457 problems.",
    "VERSION": "1",
    "SCHEMA_PATH_PREFIX": "/api/v1/",
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": ["opsportal.api.schema.close_requests"],
}
API_WRITES_PER_MINUTE = env.int("OPSPORTAL_API_WRITES_PER_MINUTE", default=600)
API_REQUIRES_HTTPS = PRODUCTION

# --- Queue: a hint, never the truth (tables are) ---
Q_CLUSTER = {
    "name": "opsportal",
    "orm": "default",
    "workers": env.int("OPSPORTAL_WORKERS", default=2),
    "queue_limit": env.int("OPSPORTAL_WORKERS", default=2),
    "bulk": 1,
    "timeout": 60,
    "retry": 300,
    "max_attempts": 1,
    "ack_failures": True,
    "save_limit": -1,
    "catch_up": False,
    "recycle": 200,
    "guard_cycle": 0.5,
    "poll": 0.5,
    "log_level": "WARNING",
    "broker_class": "opsportal.sweeps.broker.Broker",
}
# A sweep is stale after this; then pages say so, /livez/sweeps/ answers 503 and the watchdog pages.
SWEEP_STALE_SECONDS = env.int("OPSPORTAL_SWEEP_STALE_SECONDS", default=90)
# `manage.py work`: no beat through the queue for this long -> the supervisor sweeps itself; for that long -> restart.
BEAT_EVERY_SECONDS = env.float("OPSPORTAL_BEAT_EVERY_SECONDS", default=5)
BEAT_LATE_SECONDS = env.float("OPSPORTAL_BEAT_LATE_SECONDS", default=30)
BEAT_STALE_SECONDS = env.float("OPSPORTAL_BEAT_STALE_SECONDS", default=90)
# The watchdog's own ways out: none of them passes the queue or the outbox.
WATCHDOG_SLACK_USER = env.str("OPSPORTAL_WATCHDOG_SLACK_USER", default="")
WATCHDOG_SLACK_WEBHOOK = env.str("OPSPORTAL_WATCHDOG_SLACK_WEBHOOK", default="")
WATCHDOG_MAIL = env.list("OPSPORTAL_WATCHDOG_MAIL", default=[])
WATCHDOG_PING_URL = env.str("OPSPORTAL_WATCHDOG_PING_URL", default="")

# --- Logs: lines on standard error; the service manager keeps them and takes them off the host ---
# `json`: one object a line, a line for each request, and what Django and libraries say as well (docs/metrics.md).
LOG_FORMAT = env.str("OPSPORTAL_LOG_FORMAT", default="line")
if LOG_FORMAT not in ("line", "json"):
    raise ImproperlyConfigured("OPSPORTAL_LOG_FORMAT is line or json.")
LOG_LEVEL = env.str("OPSPORTAL_LOG_LEVEL", default="INFO")
_own_logger = {"handlers": ["stderr"], "level": LOG_LEVEL, "propagate": LOG_FORMAT == "line"}
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "opsportal.logs.LineFormatter"}, "json": {"()": "opsportal.logs.JsonFormatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT}},
    "loggers": {"opsportal": _own_logger, "handoffs": _own_logger, "slos": _own_logger, "runbooks": _own_logger},
}
if LOG_FORMAT == "json":
    LOGGING["root"] = {"handlers": ["stderr"], "level": "WARNING"}
    LOGGING["loggers"] |= {"django": {"handlers": ["stderr"], "level": "WARNING", "propagate": False}}  # type: ignore[operator]

# --- Outbound ---
OUTBOUND_ALLOW = env.list("OPSPORTAL_OUTBOUND_ALLOW", default=[])
VAULT_KEYS = env.list("OPSPORTAL_VAULT_KEYS", default=[])
RUNS_KEEP_DAYS = env.int("OPSPORTAL_RUNS_KEEP_DAYS", default=90)
REPLAY_KEEP_DAYS = env.int("OPSPORTAL_REPLAY_KEEP_DAYS", default=30)
# Pings of one heartbeat a minute; each further one is answered 429 and still counts. 0 is no limit.
PINGS_PER_MINUTE = env.int("OPSPORTAL_PINGS_PER_MINUTE", default=600)
PING_BODY_LIMIT = env.int("OPSPORTAL_PING_BODY_LIMIT", default=100_000)
METRICS_TOKEN = env.str("OPSPORTAL_METRICS_TOKEN", default="")
OUTBOX_KEEP_DAYS = env.int("OPSPORTAL_OUTBOX_KEEP_DAYS", default=90)
SLACK_BOT_TOKEN = env.str("SLACK_BOT_TOKEN", default="")
SLACK_API_URL = env.str("SLACK_API_URL", default="https://slack.com/api/")
EMAIL_URL = env.email_url("EMAIL_URL", default="consolemail://")
vars().update(EMAIL_URL)
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="opsportal@localhost")
TIME_TRAVEL = env.bool("OPSPORTAL_TIME_TRAVEL", default=False)
