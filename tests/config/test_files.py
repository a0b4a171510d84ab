"""The files that a configuration names."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.config.writing import MINIMAL, load_text, problems_of
from tests.kit.certificates import Authority

PEM = serialization.Encoding.PEM
SPKI = serialization.PublicFormat.SubjectPublicKeyInfo
RS256 = MINIMAL + "identity: {jwt: {public_key_file: key.pem, algorithms: [RS256]}}\n"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def write_rsa_key(path: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    path.write_bytes(key.public_key().public_bytes(PEM, SPKI))


def test_paths_are_taken_from_the_folder_of_the_file(tmp_path: Path, authority: Authority) -> None:
    authority.issue("a.example")
    config = load_text(tmp_path, MINIMAL + "tls: {cert: a.example.pem, key: a.example.key}\n")

    assert config.tls is not None
    assert config.tls.cert == tmp_path / "a.example.pem"


def test_the_top_level_certificate_is_for_listeners_without_one_of_their_own(
    tmp_path: Path, authority: Authority
) -> None:
    authority.issue("a.example")
    authority.issue("b.example")
    text = """\
listen:
  - 127.0.0.1:8080
  - {address: 127.0.0.1:8081, tls: {cert: b.example.pem, key: b.example.key}}
tls: {cert: a.example.pem, key: a.example.key}
upstreams: {legacy: {url: "https://127.0.0.1:3000", tls: {ca: ca.pem}}}
"""
    listeners = load_text(tmp_path, text).listen

    assert [each.tls.cert.name for each in listeners if each.tls] == [
        "a.example.pem",
        "b.example.pem",
    ]


def test_a_key_of_another_certificate_is_refused(tmp_path: Path, authority: Authority) -> None:
    authority.issue("a.example")
    authority.issue("b.example")
    text = MINIMAL + "tls: {cert: a.example.pem, key: b.example.key}\n"
    problems = problems_of(tmp_path, text)

    assert [p.where for p in problems] == ["tls"]
    assert "another certificate" in problems[0].hint


def test_a_key_with_a_passphrase_is_refused_and_nobody_is_asked_for_it(
    tmp_path: Path, authority: Authority
) -> None:
    cert, _ = authority.issue("a.example")
    sealed = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"hunter2"),
    )
    (tmp_path / "sealed.key").write_bytes(sealed)
    problems = problems_of(tmp_path, MINIMAL + f"tls: {{cert: {cert.name}, key: sealed.key}}\n")

    assert [p.where for p in problems] == ["tls"]


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("tls: {cert: config.yaml, key: config.yaml}", "tls"),
        ("tls: {cert: nope.pem, key: config.yaml}", "tls.cert"),
        ("tls: {cert: config.yaml, key: .}", "tls.key"),
        (
            "identity: {jwt: {public_key_file: config.yaml, algorithms: [RS256]}}",
            "identity.jwt.public_key_file",
        ),
    ],
)
def test_a_file_that_is_not_what_it_should_be_is_refused(
    tmp_path: Path, text: str, where: str
) -> None:
    assert [p.where for p in problems_of(tmp_path, f"{MINIMAL}{text}\n")] == [where]


def test_trusted_certificates_that_are_none_are_refused(tmp_path: Path) -> None:
    text = """\
listen: 127.0.0.1:8080
upstreams: {legacy: {url: "https://127.0.0.1:3000", tls: {ca: config.yaml}}}
"""
    assert [p.where for p in problems_of(tmp_path, text)] == ["upstreams.legacy.tls.ca"]


def test_an_rsa_public_key_is_taken_from_its_file(tmp_path: Path) -> None:
    write_rsa_key(tmp_path / "key.pem")
    jwt = load_text(tmp_path, RS256).identity.jwt

    assert jwt is not None
    assert jwt.public_key_file == tmp_path / "key.pem"


def test_a_public_key_that_is_not_rsa_is_refused(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    (tmp_path / "key.pem").write_bytes(key.public_bytes(PEM, SPKI))

    assert [p.wanted for p in problems_of(tmp_path, RS256)] == ["an RSA public key, PEM"]


def test_a_renewed_file_changes_the_digest(tmp_path: Path) -> None:
    write_rsa_key(tmp_path / "key.pem")
    before = load_text(tmp_path, RS256).digest
    write_rsa_key(tmp_path / "key.pem")

    assert load_text(tmp_path, RS256).digest != before
