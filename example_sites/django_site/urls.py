"""The same addresses as on the other two sites."""

from django.urls import include, path

from example_sites.django_site import views

urlpatterns = [
    path("", views.show_or_upload),
    path("delete", views.delete),
    path("pictures/", include("kvcore_django.urls")),
]
