"""TLS both ways: a server with a certificate of a private authority, which asks for the client's."""

import json
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from triage.adapters.prometheus import Credentials, PrometheusMetrics
from triage.adapters.prometheus_http import Limits
from triage.errors import SourceUnavailable
from triage.incident import Window

NOW = datetime.now(UTC)
HOUR = Window(NOW - timedelta(hours=2), NOW - timedelta(hours=1))


@dataclass(frozen=True)
class Authority:
    """Signs certificates and writes them, with their keys, as PEM files."""

    folder: Path
    key: ec.EllipticCurvePrivateKey
    name: x509.Name

    @classmethod
    def new(cls, folder: Path) -> "Authority":
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "lab authority")])
        authority = cls(folder, ec.generate_private_key(ec.SECP256R1()), name)
        basic = x509.BasicConstraints(ca=True, path_length=0)
        authority._write("ca", authority.key, authority._signed(name, authority.key, basic))
        return authority

    def issue(self, common_name: str) -> tuple[str, str]:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        addresses = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
        self._write(common_name, key, self._signed(subject, key, addresses))
        return str(self.folder / f"{common_name}.pem"), str(self.folder / f"{common_name}.key")

    def _signed(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, extension: x509.ExtensionType
    ) -> x509.Certificate:
        builder = x509.CertificateBuilder(self.name, subject, key.public_key(), x509.random_serial_number())
        builder = builder.not_valid_before(NOW - timedelta(days=1)).not_valid_after(NOW + timedelta(days=1))
        authority = isinstance(extension, x509.BasicConstraints)
        if authority:
            signs = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
            builder = builder.add_extension(signs, critical=True)
        ours = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        its = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        builder = builder.add_extension(ours, critical=False).add_extension(its, critical=False)
        return builder.add_extension(extension, critical=authority).sign(self.key, hashes.SHA256())

    def _write(self, name: str, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
        form = serialization.Encoding.PEM
        (self.folder / f"{name}.pem").write_bytes(certificate.public_bytes(form))
        secret = key.private_bytes(form, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        (self.folder / f"{name}.key").write_bytes(secret)

    @property
    def bundle(self) -> str:
        return str(self.folder / "ca.pem")


class Api(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        series = {"metric": {}, "values": [[(HOUR.start + timedelta(minutes=30)).timestamp() // 60 * 60, "1"]]}
        body = json.dumps({"status": "success", "data": {"resultType": "matrix", "result": [series]}}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: object) -> None:
        return


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.new(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="module")
def url(authority: Authority) -> Iterator[str]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=authority.bundle)
    context.load_cert_chain(*authority.issue("server"))
    context.verify_mode = ssl.CERT_REQUIRED
    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"https://127.0.0.1:{server.server_address[1]}"
    server.shutdown()


def ask(url: str, credentials: Credentials) -> int:
    limits = Limits(timeout_seconds=5, backoff_seconds=0.01)
    return len(PrometheusMetrics(url, credentials=credentials, limits=limits).range("up", HOUR, 60).series)


def test_a_private_authority_and_a_client_certificate_are_used(url, authority):
    certificate, key = authority.issue("client")
    assert ask(url, Credentials(client_certificate=certificate, client_key=key, ca_bundle=authority.bundle)) == 1


def test_an_unknown_authority_is_an_error_that_names_the_setting(url, authority):
    certificate, key = authority.issue("client")
    with pytest.raises(SourceUnavailable, match=r"do not agree on TLS.*prometheus\.auth\.ca"):
        ask(url, Credentials(client_certificate=certificate, client_key=key))


def test_a_missing_client_certificate_is_an_error_that_names_the_setting(url, authority):
    with pytest.raises(SourceUnavailable, match=r"prometheus\.auth\.mtls"):
        ask(url, Credentials(ca_bundle=authority.bundle))


def test_a_missing_bundle_is_said(url, tmp_path):
    with pytest.raises(SourceUnavailable, match=r"none\.pem"):
        ask(url, Credentials(ca_bundle=str(tmp_path / "none.pem")))
