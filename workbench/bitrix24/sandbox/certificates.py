"""HTTPS with certificates of the portal's own: an authority, and a server signed by it.

The authority is kept in the portal's state, so that a portal in a file is trusted after a restart
by whoever trusted it before. Its key never leaves the state; it is meant for the environment of
single clients (``SSL_CERT_FILE``, ``REQUESTS_CA_BUNDLE``), not for a machine's own list.
"""

from __future__ import annotations

import contextlib
import ipaddress
import re
import ssl
import tempfile
from collections.abc import Iterable, MutableMapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

ALWAYS = ("localhost", "127.0.0.1", "::1")
AUTHORITY_DAYS = 3650
SERVER_DAYS = 397  # the longest that every client takes
_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)")


def host_name(text: str) -> str:
    """A host name as certificates and URLs write it; raises ValueError if it is none."""
    name = text.strip().strip("[]")
    with contextlib.suppress(ValueError):
        return str(ipaddress.ip_address(name))
    try:
        ascii_name = name.encode("idna").decode().lower() if not name.isascii() else name.lower()
    except UnicodeError:
        raise ValueError(text) from None
    if len(ascii_name) > 253 or not all(_LABEL.fullmatch(p) for p in ascii_name.split(".")):
        raise ValueError(text)
    return ascii_name


def authority(settings: MutableMapping[str, Any]) -> str:
    """The portal's authority as PEM; ``settings`` are the state's.

    It is made at first use, and anew when it would end before what it signs.
    """
    if not _lasts(settings.get("authority")):
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            _builder("Sandbox portal authority", key.public_key(), AUTHORITY_DAYS)
            .issuer_name(_name("Sandbox portal authority"))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs=True), critical=True)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False
            )
            .sign(key, hashes.SHA256())
        )
        settings["authority"] = {"certificate": _pem(certificate), "key": _key_pem(key)}
    text: str = settings["authority"]["certificate"]
    return text


def _lasts(kept: Any) -> bool:
    """Whether this is an authority that outlives a server's certificate."""
    try:
        certificate = x509.load_pem_x509_certificate(kept["certificate"].encode())
        serialization.load_pem_private_key(kept["key"].encode(), None)
    except (TypeError, KeyError, AttributeError, ValueError):
        return False
    return certificate.not_valid_after_utc > datetime.now(UTC) + timedelta(days=SERVER_DAYS)


def server_context(settings: MutableMapping[str, Any], names: Iterable[str]) -> ssl.SSLContext:
    """What a server answers HTTPS with, under ``names`` and the loopback's own."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    with tempfile.TemporaryDirectory() as folder:  # the library reads certificates from files only
        file = Path(folder) / "server.pem"
        file.touch(mode=0o600)
        file.write_text(server_pem(settings, [*names, *ALWAYS]))
        context.load_cert_chain(file)
    return context


def trusting_context(settings: MutableMapping[str, Any]) -> ssl.SSLContext:
    """What a client trusts: what this machine does, and the portal's authority if it has one."""
    context = ssl.create_default_context()
    if _lasts(settings.get("authority")):
        context.load_verify_locations(cadata=settings["authority"]["certificate"])
    return context


def server_pem(settings: MutableMapping[str, Any], names: Iterable[str]) -> str:
    """A new key and its certificate for ``names``, signed by the portal's authority, as PEM."""
    issuer = x509.load_pem_x509_certificate(authority(settings).encode())
    issuer_key = serialization.load_pem_private_key(settings["authority"]["key"].encode(), None)
    assert isinstance(issuer_key, ec.EllipticCurvePrivateKey)  # noqa: S101 - `authority` made it
    key = ec.generate_private_key(ec.SECP256R1())
    every = list(dict.fromkeys(names))
    certificate = (
        _builder("Sandbox portal", key.public_key(), SERVER_DAYS)
        .issuer_name(issuer.subject)
        .add_extension(
            x509.SubjectAlternativeName([_alternative(n) for n in every]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
        .sign(issuer_key, hashes.SHA256())
    )
    return _key_pem(key) + _pem(certificate) + _pem(issuer)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _builder(common: str, public: ec.EllipticCurvePublicKey, days: int) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(common))
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))  # clocks differ
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _alternative(name: str) -> x509.GeneralName:
    with contextlib.suppress(ValueError):
        return x509.IPAddress(ipaddress.ip_address(name))
    return x509.DNSName(name)


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
