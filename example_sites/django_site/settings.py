"""Settings of the Django site."""

from example_sites import shelf
from example_sites.shelf import places
from example_sites.shelf import settings as shared

SECRET_KEY = shared.SECRET_KEY
DEBUG = False
ALLOWED_HOSTS = shared.HOSTS
USE_TZ = True

INSTALLED_APPS = ["kvcore_django"]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "example_sites.django_site.views.refuse_too_large",  # before the CSRF check reads the form
]
ROOT_URLCONF = "example_sites.django_site.urls"
TEMPLATES = [
    {"BACKEND": "django.template.backends.django.DjangoTemplates", "DIRS": [shelf.TEMPLATES]},
]
SESSION_COOKIE_NAME = "shelf_django"  # cookies do not tell the ports of a host apart
CSRF_COOKIE_NAME = "shelf_django_csrf"
CSRF_FAILURE_VIEW = "example_sites.django_site.views.foreign"

# From here on it is kvcore's.
KVCORE_STORES = shared.STORES
SESSION_ENGINE = "kvcore_django.sessions"
KVCORE_SESSION_STORE = shared.session_store(KVCORE_STORES)
KVCORE_SESSION_POLICY = places.POLICY

SHELF_MAX_BYTES = shared.MAX_BYTES
