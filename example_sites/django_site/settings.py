"""Settings of the Django site."""

import json
import os

from example_sites import shelf

# A fresh one with each start: this site has no sessions to keep.
SECRET_KEY = os.environ.get("SECRET_KEY") or os.urandom(32).hex()
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
USE_TZ = True

INSTALLED_APPS = ["kvcore_django", "example_sites.django_site"]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "example_sites.django_site.urls"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [shelf.TEMPLATES],
    }
]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("SHELF_DATABASE", "shelf.sqlite3"),
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# From here on it is kvcore's.
KVCORE_STORES = json.loads(os.environ.get("KVCORE_STORES", '{"default": "fs://pictures"}'))
STORAGES = {"default": {"BACKEND": "kvcore_django.storage.KVStorage"}}
MEDIA_URL = "/pictures/"

SHELF_MAX_BYTES = shelf.MAX_BYTES
