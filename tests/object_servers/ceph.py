"""Ceph's object gateway on a cluster of one, in memory: a whole engine that checks signatures.

It takes ten seconds to start, so the processes of one run share it. The first that asks starts a
keeper; the keeper starts the cluster and ends it when the last process is done or dead: each holds
a lock on ``users``, and the keeper waits until it gets that lock for itself.
"""

from __future__ import annotations

import fcntl
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests import services
from tests.object_servers.process import HOST, POLL_SECS, STOP_SECS, ServerProcess, end, free_port
from tests.object_servers.s3 import ACCESS_KEY, SECRET_KEY, S3Server

ROOT = Path(__file__).resolve().parents[2]
START_SECS = (
    40.0  # for one step; a cluster that hangs for longer, as one in ten does, is begun anew
)
STARTS = 3
PROGRAMS = ("ceph", "ceph-mon", "ceph-osd", "monmaptool", "radosgw", "radosgw-admin")

# One of each, nothing kept on disk, nothing to prove to each other. `ms_bind_port`: a run of its
# own beside this one takes other ports.
_CONFIG = """
[global]
fsid = {fsid}
mon_host = [v1:{host}:{mon_port}]
mon_initial_members = a
public_addr = {host}
cluster_addr = {host}
ms_bind_msgr2 = false
ms_bind_ipv6 = false
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 4
osd_pool_default_pgp_num = 4
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
osd_objectstore = memstore
memstore_device_bytes = 4294967296
mon_allow_pool_size_one = true
mon_max_pg_per_osd = 1000
mon_warn_on_pool_no_redundancy = false
run_dir = {folder}
admin_socket = {folder}/$name.asok
log_file = {folder}/$name.log
pid_file =
keyring = {folder}/keyring
crash_dir = {folder}/crash

[mon]
mon_data = {folder}/mon

[osd]
osd_data = {folder}/osd
osd_max_object_name_len = 2048

[client.rgw]
rgw_data = {folder}/rgw
rgw_thread_pool_size = 32
rgw_enable_usage_log = false
rgw_lifecycle_work_time = 00:00-00:01
rgw_s3_auth_use_keystone = false
"""
# Without tcp_nodelay every small answer waits 40 ms for the delayed acknowledgement of the last.
_FRONTEND = "beast endpoint={host}:{port} tcp_nodelay=1"


class Cluster:
    """A monitor, a store and a gateway, in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._config = folder / "ceph.conf"
        self._processes: list[subprocess.Popen[bytes]] = []
        self._gateway: ServerProcess | None = None
        self.port = 0

    def start(self) -> None:
        """Start all three; the gateway then answers on ``port``."""
        folder, fsid, mon_port = self._folder, str(uuid.uuid4()), free_port()
        for name in ("mon", "osd", "rgw", "crash"):
            (folder / name).mkdir()
        (folder / "keyring").touch()
        self._config.write_text(
            _CONFIG.format(fsid=fsid, host=HOST, mon_port=mon_port, folder=folder)
        )
        monmap = str(folder / "monmap")
        address = f"[v1:{HOST}:{mon_port}]"
        self._run(
            *("monmaptool", "--create", "--clobber", "--fsid", fsid, "--addv", "a", address), monmap
        )
        self._run("ceph-mon", "--mkfs", "-i", "a", "--monmap", monmap)
        self._begin("ceph-mon", "-f", "-i", "a")
        # The monitor knows the store by this id; with another one it ignores it for ever.
        osd = str(uuid.uuid4())
        number = self._ceph("osd", "new", osd).strip()
        self._run("ceph-osd", "--mkfs", "-i", number, "--osd-uuid", osd)
        self._ceph("osd", "crush", "add", f"osd.{number}", "1.0", "root=default", "host=one")
        self._begin("ceph-osd", "-f", "-i", number)
        self._admin("user", "create", "--uid=tests", "--display-name=tests", "--max-buckets=0")
        keys = (f"--access-key={ACCESS_KEY}", f"--secret={SECRET_KEY}")
        self._admin("key", "create", "--uid=tests", "--key-type=s3", *keys)
        self._gateway = ServerProcess(self._gateway_command, folder)
        self._gateway.start()
        self.port = self._gateway.port

    def stop(self) -> None:
        """End all of them, the gateway first."""
        if self._gateway is not None:
            self._gateway.stop()
        while self._processes:
            end(self._processes.pop())

    def _gateway_command(self, port: int) -> list[str]:
        frontend = _FRONTEND.format(host=HOST, port=port)
        return [
            *self._with_config("radosgw"),
            "-f",
            "-n",
            "client.rgw",
            f"--rgw_frontends={frontend}",
        ]

    def _with_config(self, program: str) -> list[str]:
        return [program, "-c", str(self._config)]

    def _run(self, program: str, *arguments: str) -> str:
        command = [*self._with_config(program), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=START_SECS)
        if done.returncode:
            raise RuntimeError(f"{command}: {done.stderr}")
        return done.stdout

    def _ceph(self, *arguments: str) -> str:
        return self._run("ceph", "--connect-timeout", "60", *arguments)

    def _admin(self, *arguments: str) -> str:
        return self._run("radosgw-admin", "-n", "client.rgw", *arguments)

    def _begin(self, program: str, *arguments: str) -> None:
        with (self._folder / f"{program}.out").open("wb") as log:
            command = [*self._with_config(program), *arguments]
            self._processes.append(
                subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self._folder
                )
            )


@contextmanager
def running(shared: Path) -> Iterator[S3Server]:
    """The cluster of this run, which shares the folder ``shared``, until the block ends."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    hint = "apt-get install --no-install-recommends ceph-common ceph-mon ceph-osd radosgw"
    services.require("radosgw", available=not missing, hint=hint)
    with (shared / "users").open("a") as users, (shared / "start").open("a") as starting:
        fcntl.flock(starting, fcntl.LOCK_EX)  # one process at a time looks whether there is one
        fcntl.flock(users, fcntl.LOCK_SH)  # waits while a keeper ends its cluster
        told = shared / "port"
        if not told.exists():
            _start_keeper(shared, told)
        fcntl.flock(starting, fcntl.LOCK_UN)
        server = S3Server("radosgw", f"http://{HOST}:{told.read_text()}")
        yield server
        server.close()


def _start_keeper(shared: Path, told: Path) -> None:
    log = shared / "log"
    with log.open("wb") as file:
        keeper = subprocess.Popen(
            [sys.executable, "-m", __name__, str(shared)],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            cwd=ROOT,
            start_new_session=True,  # an interruption at the keyboard ends tests first
        )
    until = time.monotonic() + STARTS * (START_SECS + STOP_SECS)
    while not told.exists():
        if keeper.poll() is not None or time.monotonic() > until:
            end(keeper)
            raise RuntimeError(f"Ceph did not start: {log.read_text()[-4000:]}")
        time.sleep(POLL_SECS)
    # It outlives this process, and is waited for by whoever inherits it.
    keeper.returncode = 0


def keep(shared: Path) -> None:
    """Start a cluster, tell its port, and end it when nobody uses it any more."""
    told = shared / "port"
    with (shared / "users").open("a") as users, started() as cluster:
        try:
            told.with_suffix(".new").write_text(str(cluster.port))
            told.with_suffix(".new").replace(told)
            fcntl.flock(users, fcntl.LOCK_EX)
        finally:
            told.unlink(missing_ok=True)


@contextmanager
def started() -> Iterator[Cluster]:
    """A cluster that has started, until the block ends."""
    for number in range(1, STARTS + 1):
        with TemporaryDirectory(prefix="kvcore-ceph-") as folder:
            cluster = Cluster(Path(folder))
            try:
                try:
                    cluster.start()
                except (RuntimeError, subprocess.TimeoutExpired):
                    if number == STARTS:
                        raise
                    continue
                yield cluster
                return
            finally:
                cluster.stop()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the cluster is ended
    keep(Path(sys.argv[1]))
