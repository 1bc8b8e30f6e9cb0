"""Certificates for tests, made with the ``openssl`` command: an authority, servers good and bad."""

import atexit
import functools
import shutil
import ssl
import subprocess
import tempfile
from pathlib import Path

NAMES = "DNS:localhost,DNS:api.example.test,IP:127.0.0.1,IP:::1"


class Authority:
    """A certificate authority in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.file = str(folder / "ca.pem")
        """The authority's certificate: what a client is told to trust."""
        self._openssl(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30",
            "-subj", "/CN=Test authority", "-keyout", folder / "ca.key", "-out", self.file,
            "-addext", "keyUsage=critical,keyCertSign,cRLSign",
        )  # fmt: skip

    def server(self, name: str = "good", names: str = NAMES, days: int = 30) -> ssl.SSLContext:
        """A server's context with a certificate for ``names``; negative ``days``: expired."""
        folder = self._folder
        key, request, leaf = (folder / f"{name}.{kind}" for kind in ("key", "csr", "pem"))
        if not leaf.exists():
            extensions = folder / f"{name}.ext"
            # Python 3.13 takes only certificates that name their issuer's key (RFC 5280).
            extensions.write_text(
                f"subjectAltName={names}\n"
                "authorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash\nbasicConstraints=CA:FALSE\n"
            )
            self._openssl(
                "req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes",
                "-subj", f"/CN={name}", "-keyout", key, "-out", request,
            )  # fmt: skip
            self._openssl(
                f"x509 -req -days {days} -CAcreateserial",
                "-in", request, "-CA", self.file, "-CAkey", folder / "ca.key",
                "-extfile", extensions, "-out", leaf,
            )  # fmt: skip
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(leaf, key)
        return context

    def _openssl(self, command: str, *arguments: object) -> None:
        program = shutil.which("openssl")
        assert program, "the tests need the openssl command"
        subprocess.run(
            [program, *command.split(), *map(str, arguments)], check=True, capture_output=True
        )


@functools.cache
def authority(name: str = "main") -> Authority:
    """One authority per name and test run."""
    folder = tempfile.mkdtemp(prefix=f"dragoman-{name}-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Authority(Path(folder))
