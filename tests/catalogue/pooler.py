"""A PgBouncer before a PostgreSQL server, as many shops' applications have one."""

import getpass
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

_STARTED_WITHIN_S = 30


@contextmanager
def pgbouncer(database: str) -> Iterator[str]:
    """The URL of a pooler that leads to ``database`` with one session for each transaction."""
    program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if program is None:
        reason = "PgBouncer is not installed: apt-get install pgbouncer"
        if "CI" in os.environ:
            pytest.fail(reason)
        pytest.skip(reason)
    url = sa.make_url(database)
    user = "postgres" if os.geteuid() == 0 else getpass.getuser()  # it refuses root
    account = pwd.getpwnam(user)
    become = []
    if os.geteuid() == 0:
        become = ["setpriv", "--reuid", user, "--regid", str(account.pw_gid), "--clear-groups"]
    folder = Path(tempfile.mkdtemp(prefix="photosearch-pgbouncer-"))
    os.chown(folder, account.pw_uid, account.pw_gid)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    where = f"host={url.host} port={url.port} dbname={url.database} user={url.username}"
    (folder / "pgbouncer.ini").write_text(
        f"[databases]\n{url.database} = {where}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n"
        f"listen_port = {port}\nauth_type = any\npool_mode = transaction\n"
        "default_pool_size = 1\nunix_socket_dir =\n"
    )
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*become, program, folder / "pgbouncer.ini"], stdout=log, stderr=log
        )
    try:
        deadline = time.monotonic() + _STARTED_WITHIN_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError((folder / "log").read_text()) from None
                time.sleep(0.05)
        yield f"postgresql://{url.username}@127.0.0.1:{port}/{url.database}"
    finally:
        process.terminate()
        process.wait(_STARTED_WITHIN_S)
        shutil.rmtree(folder, ignore_errors=True)
