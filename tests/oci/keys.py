"""Keys as a shop makes them: by openssl, as the docs say."""

import subprocess
from pathlib import Path

PASSWORD = "let me sign"


def openssl(*arguments: str | Path, check: bool = True) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["openssl", *map(str, arguments)], check=check, capture_output=True, timeout=60
    )


def make_key(folder: Path, name: str = "shop", *, curve: str = "P-256") -> tuple[Path, Path]:
    """The files of a private key and of its public one."""
    folder.mkdir(parents=True, exist_ok=True)
    private, public = folder / f"{name}.pem", folder / f"{name}.pub.pem"
    kind = ("-algorithm", "EC", "-pkeyopt", f"ec_paramgen_curve:{curve}")
    openssl("genpkey", *kind, "-out", private)
    openssl("pkey", "-in", private, "-pubout", "-out", public)
    return private, public


def encrypted(private: Path) -> Path:
    """The same key behind PASSWORD."""
    out = private.with_suffix(".encrypted.pem")
    openssl("pkcs8", "-topk8", "-in", private, "-out", out, "-passout", f"pass:{PASSWORD}")
    return out
