"""Fields of each kind."""

from django.db import models
from kvcore_django.storage import KVStorage
from kvcore_django.uploads import generate_key


class Document(models.Model):
    """A file under a generated key, one under its own name, and a picture with its measures."""

    file = models.FileField(upload_to=generate_key("documents/{id}{ext}"), blank=True)
    named = models.FileField(upload_to="named", blank=True, max_length=40)
    picture = models.ImageField(
        upload_to=generate_key("pictures/{id}{ext}"),
        storage=KVStorage(location="media"),
        width_field="width",
        height_field="height",
        blank=True,
    )
    width = models.PositiveIntegerField(null=True, editable=False)
    height = models.PositiveIntegerField(null=True, editable=False)

    def __str__(self) -> str:
        return str(self.file)
