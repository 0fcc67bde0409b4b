"""Django's storages"""

import os
from collections.abc import Iterator
from functools import partial
from itertools import count

from benchmarks.django_project import set_up
from benchmarks.measure import OURS, RAW, Contest, timed
from benchmarks.places import DISK, TMPFS, Place
from benchmarks.row import Row

VALUE = os.urandom(1024)


def save(place: Place) -> Contest:
    """New names, as uploads have them.

    Nothing is deleted between the rounds: for some seconds ext4 looks past each inode that has
    become free, which takes ten times as long as all that is to be measured.
    """
    set_up()
    from django.core.files.base import ContentFile
    from django.core.files.storage import FileSystemStorage, Storage
    from kvcore_django.storage import KVStorage

    def saving(storage: Storage, numbers: Iterator[int], _: object) -> None:
        storage.save(f"{next(numbers):026x}", ContentFile(VALUE))

    storages: dict[str, Storage] = {
        RAW: FileSystemStorage(place.folder(RAW)),
        OURS: KVStorage(url=f"fs://{place.folder(OURS)}?durability=atomic"),
    }
    return {
        who: timed(partial(saving, storage, count()), range(place.operations))
        for who, storage in storages.items()
    }


ROWS = (Row("save 1 KiB, new", save, {TMPFS: 0.8, DISK: 0.8}, "FileSystemStorage"),)
