"""A bucket behind a certificate of one's own authority."""

import os
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from off_platform_tests.waiting import PATIENCE_SECONDS

LOOK = """
import sys
from off_platform.settings import settings
from off_platform.storage.download import look
from off_platform.storage.objects import open_store, Access
settings()
try:
    print(look(open_store(sys.argv[1], Access()), "key").bytes)
except OSError as error:
    print(error)
"""


def _certificate(
    subject: str, issuer: str, key: ec.EllipticCurvePrivateKey, signer: ec.EllipticCurvePrivateKey
) -> x509.Certificate:
    now = datetime.now(UTC)

    def named(name: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])

    return (
        x509.CertificateBuilder()
        .subject_name(named(subject))
        .issuer_name(named(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=subject == issuer, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(signer, hashes.SHA256())
    )


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The address of a server over TLS, and the file with its authority's certificate."""
    folder = tmp_path_factory.mktemp("tls")
    (folder / "key").write_bytes(b"seven b")
    authority, server_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    own = _certificate("authority", "authority", authority, authority)
    certificate = _certificate("server", "authority", server_key, authority)
    (folder / "authority.pem").write_bytes(own.public_bytes(serialization.Encoding.PEM))
    (folder / "server.pem").write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + server_key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"https://127.0.0.1:{server.server_address[1]}", folder / "authority.pem"
    server.shutdown()
    server.server_close()


def _looked_at(address: str, folder: Path, **trusted: str) -> str:
    untrusting = {name: value for name, value in os.environ.items() if "_CA_BUNDLE" not in name}
    untrusting.pop("SSL_CERT_FILE", None)
    done = subprocess.run(  # noqa: S603 - this interpreter
        [sys.executable, "-c", LOOK, address],
        env={**untrusting, "PYTHONPATH": os.pathsep.join(sys.path), **trusted},
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE_SECONDS,
    )
    return done.stdout.strip()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["AWS_CA_BUNDLE", "SSL_CERT_FILE"])
def test_a_configured_authority_is_trusted(
    served: tuple[str, Path], tmp_path: Path, name: str
) -> None:
    address, authority = served
    assert _looked_at(address, tmp_path, **{name: str(authority)}) == "7"


def test_an_untrusted_certificate_is_given_as_the_reason(
    served: tuple[str, Path], tmp_path: Path
) -> None:
    said = _looked_at(served[0], tmp_path)
    assert "certificate is not trusted (UnknownIssuer)" in said
    assert "SSL_CERT_FILE or AWS_CA_BUNDLE" in said
