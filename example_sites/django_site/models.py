"""One model."""

from django.db import models
from kvcore_django import GeneratedKey


class Picture(models.Model):
    """A picture on the shelf. Its file is in `STORAGES["default"]`, a kvcore store."""

    file = models.FileField(upload_to=GeneratedKey("{id}{ext}"), unique=True)
    size = models.PositiveBigIntegerField()
    put_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        """Newest first."""

        ordering = ("-put_at", "-pk")

    def __str__(self) -> str:
        return str(self.file)
