"""A real PostgreSQL on loopback, for tests and for what is measured."""

import getpass
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

#: The one role whose members are asked for their passwords.
GUARDED = "guarded"
_STARTED_WITHIN_S = 30
_INITDB_OPTIONS = (
    *("--username=postgres", "--auth=trust", "--no-sync", "--encoding=UTF8"),
    *("--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US"),
)


@contextmanager
def running_postgres(*, fsync: bool = False) -> Iterator[str]:
    """The URL of a PostgreSQL server that ends with the block, without a database's name.

    It sorts text by English rules, not by code points, as most shops' servers do.
    """
    programs = _postgres_programs()
    user = "postgres" if os.geteuid() == 0 else getpass.getuser()  # initdb refuses root
    folder = Path(tempfile.mkdtemp(prefix="photosearch-postgres-"))
    account = pwd.getpwnam(user)
    os.chown(folder, account.pw_uid, account.pw_gid)
    become = ["setpriv", "--pdeathsig", "INT"]
    if os.geteuid() == 0:
        become += ["--reuid", user, "--regid", str(account.pw_gid), "--clear-groups"]
    try:
        cluster = str(folder / "cluster")
        subprocess.run(
            [*become, programs / "initdb", "-D", cluster, *_INITDB_OPTIONS],
            check=True,
            capture_output=True,
            cwd=folder,
        )
        hba = folder / "cluster" / "pg_hba.conf"
        hba.write_text(f"host all +{GUARDED} 127.0.0.1/32 scram-sha-256\n{hba.read_text()}")
        port = _free_port()
        options = {"listen_addresses": "127.0.0.1", "port": port, "fsync": "on" if fsync else "off"}
        options |= {"unix_socket_directories": "", "max_connections": 50}
        settings = [f"--{name}={value}" for name, value in options.items()]
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(
                [*become, programs / "postgres", "-D", cluster, *settings],
                cwd=folder,
                stdout=log,
                stderr=log,
            )
        try:
            url = f"postgresql://postgres@127.0.0.1:{port}"
            _await_answer(url, server, folder / "log")
            administer(url, f"CREATE ROLE {GUARDED}")
            yield url
        finally:
            server.send_signal(signal.SIGINT)  # ends sessions, then itself
            server.wait(_STARTED_WITHIN_S)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _postgres_programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        reason = "PostgreSQL is not installed: apt-get install postgresql"
        if "CI" in os.environ:
            pytest.fail(reason)
        pytest.skip(reason)
    return found[-1].parent


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _await_answer(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _STARTED_WITHIN_S
    while True:
        try:
            return administer(url, "SELECT 1")
        except sa.exc.OperationalError:
            if server.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"PostgreSQL did not start:\n{log.read_text()}") from None
            time.sleep(0.05)


def administer(server_url: str, statement: str) -> None:
    engine = sa.create_engine(f"{server_url}/postgres", isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql(statement)
    finally:
        engine.dispose()
