"""Mail goes through a real mail server, encrypted unless that is on this machine."""

import base64
import email
import email.policy
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from plugins.notify.channels.channel import NotToldError
from plugins.notify.channels.email import Email
from plugins.notify.settings import EmailSettings
from tests.kit.certificates import Authority
from tests.plugins.notify.receiving import MailServer, mail_server
from tests.plugins.notify.telling import told

PASSWORD = "pass word"
AS_SENT = base64.b64encode(f"\0shop\0{PASSWORD}".encode()).decode()
LOGIN: dict[str, Any] = {"username": "shop", "password": PASSWORD}


@asynccontextmanager
async def mailing(there: MailServer, seconds: float = 5.0, **more: Any) -> AsyncIterator[Email]:
    said = {"tls": "none", "sender": "crossfade@shop.test", "to": ["a@shop.test", "b@shop.test"]}
    settings = EmailSettings(host="127.0.0.1", port=there.port, **said | more)
    mail = Email(settings, seconds)
    yield mail
    await mail.close()


def contexts(folder: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A server's context, whose authority everybody trusts in this test."""
    authority = Authority(folder)
    certificate, key = authority.issue("127.0.0.1")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


async def test_a_mail_says_what_there_is_to_say() -> None:
    async with mail_server() as there, mailing(there) as mail:
        answer = await mail.tell(told(1, text="Ü is\nwrong", severity="critical"))
    assert answer == "taken for 2 addresses"
    [text] = there.mails
    found = email.message_from_bytes(text.encode(), policy=email.policy.default)
    assert found["Subject"] == "[shop] CRITICAL something_wrong: thing"
    assert (found["To"], found["From"]) == ("a@shop.test, b@shop.test", "crossfade@shop.test")
    assert found["Message-ID"] == "<key-1@shop.test>"
    assert found["Auto-Submitted"] == "auto-generated"
    body = found.get_body()
    assert body is not None
    assert body.get_content().splitlines()[:3] == ["Ü is", "wrong", ""]


async def test_a_subject_with_line_ends_makes_no_header() -> None:
    async with mail_server() as there, mailing(there) as mail:
        await mail.tell(told(1, subject="x\r\nBcc: eve@evil.test"))
    assert "\nBcc:" not in there.mails[0]


@pytest.mark.parametrize("tls", ["starttls", "tls"])
async def test_mail_is_encrypted_and_the_server_knows_who_we_are(
    tls: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = contexts(tmp_path, monkeypatch)
    implicit = tls == "tls"
    async with (
        mail_server(context, tls=implicit) as there,
        mailing(there, tls=tls, **LOGIN) as mail,
    ):
        await mail.tell(told(1))
    assert len(there.mails) == 1
    assert there.encrypted == (tls == "starttls")
    assert [base64.b64decode(one) for one in there.logins] == [b"\0shop\0pass word"]


async def test_without_encryption_nothing_is_sent_where_it_is_asked_for() -> None:
    async with mail_server() as there, mailing(there, tls="starttls", **LOGIN) as mail:
        with pytest.raises(NotToldError, match="STARTTLS"):
            await mail.tell(told(1))
    assert (there.mails, there.logins) == ([], [])


async def test_a_server_that_nobody_vouches_for_is_sent_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = contexts(tmp_path, monkeypatch)
    monkeypatch.delenv("SSL_CERT_FILE")
    async with mail_server(context) as there, mailing(there, tls="starttls") as mail:
        with pytest.raises(NotToldError, match="CERTIFICATE_VERIFY_FAILED"):
            await mail.tell(told(1))
    assert there.mails == []


@pytest.mark.parametrize(
    ("refuses", "says", "final"),
    [
        ({"RCPT": "550 nobody"}, "refuses every address: 550 nobody", True),
        ({"RCPT": "450 later"}, "refuses every address: 450 later", False),
        ({".": "554 spam"}, "answered 554 spam", True),
        ({".": "451 busy"}, "answered 451 busy", False),
        ({"AUTH": f"535 {PASSWORD} is wrong"}, "answered 535 \\*\\*\\* is wrong", False),
        ({"AUTH": f"535 no {AS_SENT}"}, "answered 535 no \\*\\*\\*$", False),
    ],
)
async def test_what_a_server_refuses_is_told_with_its_words(
    refuses: dict[str, str], says: str, final: bool
) -> None:
    async with mail_server() as there, mailing(there, **LOGIN) as mail:
        there.refuses = refuses
        with pytest.raises(NotToldError, match=says) as raised:
            await mail.tell(told(1))
    assert raised.value.final == final


async def test_mail_that_was_taken_is_taken_whatever_comes_then() -> None:
    async with mail_server() as there, mailing(there) as mail:
        there.refuses = {"QUIT": "500 what"}
        assert await mail.tell(told(1)) == "taken for 2 addresses"


async def test_a_server_that_does_not_answer_is_left() -> None:
    async with mail_server() as there:
        there.stuck = True
        async with mailing(there, seconds=0.2) as mail:
            with pytest.raises(NotToldError, match=r"no answer within|no mail sent"):
                await mail.tell(told(1))
            there.stuck = False
            assert await mail.tell(told(2)) == "taken for 2 addresses"
