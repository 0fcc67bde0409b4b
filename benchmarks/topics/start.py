"""Ids; what an import adds to a bare Python"""

import subprocess
import sys
import uuid
from functools import partial
from time import perf_counter

from benchmarks.clients import versions
from benchmarks.measure import OURS, Contest, Sample, difference, timed
from benchmarks.places import ANY, Place
from benchmarks.row import Row
from kvcore import random_id


def make_id(place: Place) -> Contest:
    names = place.names()
    return {
        OURS: timed(lambda _: random_id(), names),
        "uuid.uuid4": timed(lambda _: str(uuid.uuid4()), names),
    }


def load(place: Place, statements: dict[str, str]) -> Contest:
    installed = {OURS, *versions()}
    return {
        name: difference(_python(statement), _python("pass"))
        for name, statement in statements.items()
        if name in installed
    }


def _python(statement: str) -> Sample:
    """A whole process from its start to its end."""

    def sample() -> float:
        start = perf_counter()
        subprocess.run([sys.executable, "-c", statement], check=True)
        return perf_counter() - start

    return sample


LIBRARY = {OURS: "import kvcore", "minimalkv": "import minimalkv"}
STORE = {
    OURS: "from kvcore import FilesystemStore",
    "minimalkv": "from minimalkv.fs import FilesystemStore",
    "Django": "from django.core.files.storage import FileSystemStorage",
    "cachelib": "from cachelib import FileSystemCache",
    "diskcache": "from diskcache import Cache",
}
ROWS = (
    Row("random_id()", make_id, {ANY: 1.5e-6}, operations=5000),
    Row("import the library", partial(load, statements=LIBRARY), {ANY: 25e-3}),
    Row("import the store of files", partial(load, statements=STORE), {ANY: None}),
)
