"""The first tables."""

import kvcore_django
from django.db import migrations, models


class Migration(migrations.Migration):
    """The table of pictures."""

    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Picture",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "file",
                    models.FileField(
                        unique=True, upload_to=kvcore_django.GeneratedKey("{id}{ext}")
                    ),
                ),
                ("size", models.PositiveBigIntegerField()),
                ("put_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "ordering": ("-put_at", "-pk"),
            },
        ),
    ]
