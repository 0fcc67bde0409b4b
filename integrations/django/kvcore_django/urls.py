"""``path("media/", include("kvcore_django.urls"))`` serves the default store below ``/media/``.

Another one: ``path("media/", include("kvcore_django.urls"), {"store": "media"})``. All of that
store can be had by whoever knows a key, so do not keep anything else in it.
"""

from django.urls import URLPattern, path

from kvcore_django.views import serve

app_name = "kvcore"
urlpatterns: list[URLPattern] = [path("<path:key>", serve, name="serve")]
