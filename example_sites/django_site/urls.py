"""The same addresses as on the other two sites."""

from django.urls import path
from django.views.static import serve as serve_static

from example_sites import shelf
from example_sites.django_site import views

urlpatterns = [
    path("", views.gallery_or_upload),
    path("sign-in", views.sign_in),
    path("sign-out", views.sign_out),
    path("signed-in", views.signed_in_or_elsewhere),
    path("view/<str:name>", views.view),
    path("pictures/<str:name>", views.show),
    path("download/<str:name>", views.download),
    path("delete", views.delete),
    path("static/<path:path>", serve_static, {"document_root": shelf.STATIC}),
]
handler404 = views.not_found
handler403 = views.forbidden
