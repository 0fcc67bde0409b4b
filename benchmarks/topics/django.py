"""Django's storages"""

import os
from functools import partial

from benchmarks.clients import remove_files
from benchmarks.measure import OURS, RAW, Contest, timed
from benchmarks.places import DISK, TMPFS, Missing, Place
from benchmarks.row import Row

VALUE = os.urandom(1024)


def save(place: Place) -> Contest:
    """New names, as uploads have them."""
    try:
        from django.conf import settings
    except ImportError:
        raise Missing("Django is not installed") from None
    if not settings.configured:
        settings.configure()
    from django.core.files.base import ContentFile
    from django.core.files.storage import FileSystemStorage, Storage
    from kvcore_django.storage import KVStorage

    def saving(storage: Storage, name: str) -> None:
        storage.save(name, ContentFile(VALUE))

    raw, ours = place.folder(RAW), place.folder(OURS)
    names = place.names()
    storages: dict[str, tuple[Storage, str]] = {
        RAW: (FileSystemStorage(raw), raw),
        OURS: (KVStorage(url=f"fs://{ours}?durability=atomic"), ours),
    }
    return {
        who: timed(partial(saving, storage), names, after=partial(remove_files, folder))
        for who, (storage, folder) in storages.items()
    }


ROWS = (Row("save 1 KiB, new", save, {TMPFS: 0.8, DISK: 0.8}, "FileSystemStorage"),)
