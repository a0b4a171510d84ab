"""E-mail: through a mail server, in a thread of its own, since smtplib waits."""

import asyncio
import smtplib
import socket
import ssl
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Final

from ..settings import EmailSettings
from .channel import NotToldError, Told, cleaned
from .wording import body_of, title_of

__all__ = ["Email"]

_SUBJECT: Final = 200


class Email:
    """One list of addresses. Each message has a connection of its own."""

    kind = "email"

    def __init__(self, settings: EmailSettings, timeout: float) -> None:
        self._settings = settings
        self._timeout = timeout
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="crossfade-mail")

    async def tell(self, told: Told) -> str:
        """Send a message to all; return what was answered. Raises NotToldError.

        Where a server takes it for some addresses alone, that is a success: it says for which.
        """
        talk = _Conversation(self._settings, self._timeout)
        message = message_of(told, self._settings)
        work = asyncio.get_running_loop().run_in_executor(self._thread, talk.send, message)
        try:
            async with asyncio.timeout(self._timeout):
                return await asyncio.shield(work)
        except TimeoutError:
            raise NotToldError(f"no answer within {self._timeout:g} s") from None
        finally:
            if not work.done():
                talk.hang_up()
                work.add_done_callback(_let_go)

    async def close(self) -> None:
        """Take nothing more."""
        self._thread.shutdown(wait=False, cancel_futures=True)


class _Conversation:
    """One talk with a mail server; `hang_up` ends it from another thread."""

    def __init__(self, settings: EmailSettings, timeout: float) -> None:
        self._settings = settings
        self._timeout = timeout
        self._socket: socket.socket | None = None
        self._over = False

    def send(self, message: EmailMessage) -> str:
        """Connect, log in, send. Raises NotToldError."""
        try:
            server = self._connected()
            try:
                answer = self._sent(server, message)
                with suppress(smtplib.SMTPException, OSError):  # it is taken, whatever comes now
                    server.quit()
                return answer
            finally:
                server.close()
        except smtplib.SMTPResponseException as error:
            # 5xx at the end is about the message; before, about what may be set right.
            final = isinstance(error, smtplib.SMTPDataError) and error.smtp_code >= 500
            why = f"answered {error.smtp_code} {self._cleaned(error.smtp_error)}"
            raise NotToldError(why, final=final) from None
        except smtplib.SMTPRecipientsRefused as error:
            code, said = next(iter(error.recipients.values()))
            final = min(code for code, _ in error.recipients.values()) >= 500
            why = f"refuses every address: {code} {self._cleaned(said)}"
            raise NotToldError(why, final=final) from None
        except (smtplib.SMTPException, OSError, ValueError) as error:
            why = f"{type(error).__name__} {self._cleaned(error)}".strip()
            raise NotToldError(f"no mail sent: {why}") from None

    def hang_up(self) -> None:
        """End it, wherever it is; nothing more is read or written."""
        self._over = True
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def uses(self, sock: socket.socket | None) -> None:
        """Note over which connection it goes now. Raises OSError if it is over."""
        self._socket = sock
        if self._over:
            raise OSError("it was given up")

    def _connected(self) -> smtplib.SMTP:
        asked = self._settings
        kind = _EncryptedServer if asked.tls == "tls" else _Server
        server = kind(self, asked.host, asked.port, self._timeout)
        if asked.tls == "starttls":
            try:
                server.starttls(context=ssl.create_default_context())
            except BaseException:
                server.close()
                raise
        return server

    def _sent(self, server: smtplib.SMTP, message: EmailMessage) -> str:
        asked = self._settings
        if asked.password is not None:
            server.login(asked.username, asked.password.get_secret_value())
        refused = server.send_message(message, asked.sender, list(asked.to))
        taken = len(asked.to) - len(refused)
        if not refused:
            return f"taken for {taken} address{'' if taken == 1 else 'es'}"
        code, said = next(iter(refused.values()))
        return f"taken for {taken} of {len(asked.to)} addresses: {code} {self._cleaned(said)}"

    def _cleaned(self, said: object) -> str:
        text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        return cleaned(text, *_secrets_of(self._settings))


def _secrets_of(asked: EmailSettings) -> tuple[str, ...]:
    """Return the password, and how it is sent: servers quote the command that they refuse."""
    if asked.password is None:
        return ()
    word = asked.password.get_secret_value()
    plain = f"\0{asked.username}\0{word}"
    return (*(b64encode(text.encode()).decode() for text in (plain, word)), word)


class _Server(smtplib.SMTP):
    """A mail server whose connection is known to the conversation before anything is read."""

    def __init__(self, talk: _Conversation, host: str, port: int, timeout: float) -> None:
        self._talk = talk
        super().__init__(host, port, timeout=timeout)

    def getreply(self) -> tuple[int, bytes]:
        """Read an answer, unless it is over."""
        try:
            self._talk.uses(self.sock)
        except OSError:
            self.close()
            raise
        return super().getreply()


class _EncryptedServer(smtplib.SMTP_SSL):
    """The same, encrypted from the start."""

    def __init__(self, talk: _Conversation, host: str, port: int, timeout: float) -> None:
        self._talk = talk
        super().__init__(host, port, timeout=timeout, context=ssl.create_default_context())

    def getreply(self) -> tuple[int, bytes]:
        """Read an answer, unless it is over."""
        try:
            self._talk.uses(self.sock)
        except OSError:
            self.close()
            raise
        return super().getreply()


def message_of(told: Told, settings: EmailSettings) -> EmailMessage:
    """Return the mail; its Message-ID is the same for each try."""
    message = EmailMessage()
    subject = f"[{told.source}] {title_of(told)}"
    message["Subject"] = "".join(one if one.isprintable() else " " for one in subject)[:_SUBJECT]
    message["From"] = settings.sender
    message["To"] = ", ".join(settings.to)
    at = max(notice.at for notice in told.notices)
    message["Date"] = format_datetime(datetime.fromtimestamp(at, UTC))
    message["Message-ID"] = f"<{told.key}@{settings.sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no answer, please
    when = datetime.fromtimestamp(at, UTC)
    message.set_content(f"{body_of(told)}\n\n{told.source}, {when:%Y-%m-%d %H:%M:%S} UTC\n")
    return message


def _let_go(work: "asyncio.Future[str]") -> None:
    """Look at what came of it, which nobody wants to know any more."""
    if not work.cancelled():
        work.exception()
