"""How a webhook is signed: whoever has the key can tell that it is ours, and when it was sent."""

import hashlib
import hmac

__all__ = ["SIGNATURE", "signature_of"]

SIGNATURE = "X-Crossfade-Signature"


def signature_of(secret: str, at: int, body: bytes) -> str:
    """Return the header: ``t=<Unix seconds>,v1=<hex>``.

    It is an HMAC with SHA-256 over the seconds as decimal digits, a dot, and the body as it is
    sent. The time is signed, too, so that nobody can send an old message again.
    """
    signed = b"%d.%b" % (at, body)
    return f"t={at},v1={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"
