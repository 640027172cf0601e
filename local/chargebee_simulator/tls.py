"""A certificate authority for one machine, and a server certificate signed by it."""

from __future__ import annotations

import ipaddress
import os
import ssl
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

_VALID = timedelta(days=825)
_ALWAYS = ("localhost", "127.0.0.1", "::1")


def server_context(folder: Path, hosts: Iterable[str] = ()) -> tuple[ssl.SSLContext, Path]:
    """Return a server's TLS context and the CA certificate that clients need.

    Both come from `folder`, where they are made on first use, and anew when the certificate lacks a host.
    `hosts`: names and addresses beside those of this machine. Most clients take no wildcard below `localhost`.
    """
    authority, certificate, key = folder / "ca.pem", folder / "server.pem", folder / "server.key"
    wanted = {*_ALWAYS, *hosts}
    if not all(path.is_file() for path in (authority, certificate, key)) or not _is_good(certificate, wanted):
        folder.mkdir(parents=True, exist_ok=True)
        _make(authority, certificate, key, wanted)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    return context, authority


def _is_good(certificate: Path, hosts: set[str]) -> bool:
    """Return whether a certificate is valid for another day, and names every host."""
    from cryptography import x509

    read = x509.load_pem_x509_certificate(certificate.read_bytes())
    names = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    named = {*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress))}
    return hosts <= named and read.not_valid_after_utc > datetime.now(UTC) + timedelta(days=1)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _make(authority: Path, certificate: Path, key: Path, hosts: set[str]) -> None:
    # cryptography is imported here alone: without TLS the simulator does not need it.
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    def name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    def builder(subject: x509.Name, public_key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + _VALID)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False
            )
        )

    def usage(signs_certificates: bool) -> x509.KeyUsage:
        return x509.KeyUsage(
            digital_signature=not signs_certificates,
            key_cert_sign=signs_certificates,
            crl_sign=signs_certificates,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            encipher_only=False,
            decipher_only=False,
        )

    issuer = name("Chargebee simulator CA")
    authority_key, server_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority_certificate = (
        builder(issuer, authority_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage(signs_certificates=True), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    names = [
        x509.IPAddress(ipaddress.ip_address(host)) if _is_address(host) else x509.DNSName(host)
        for host in sorted(hosts)
    ]
    server_certificate = (
        builder(name("localhost"), server_key.public_key())
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    authority.write_bytes(authority_certificate.public_bytes(serialization.Encoding.PEM))
    certificate.write_bytes(server_certificate.public_bytes(serialization.Encoding.PEM))
    with open(os.open(key, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(
            server_key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
