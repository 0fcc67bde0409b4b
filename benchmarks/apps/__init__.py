"""One small app per framework, to be run by a web server.

Each has the same file under ``/kvcore``, sent by us, and under ``/raw``, sent by the framework
itself; ``/cpu`` tells the CPU time of the process so far.
"""

import os

FOLDER = os.environ.get("KVCORE_BENCH_FOLDER", "")
KEY = "value.bin"
PATH = os.path.join(FOLDER, KEY)
