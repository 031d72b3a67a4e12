"""Who may deliver: a bearer token or a name and password, compared in constant time."""

import base64
import binascii
import hashlib
import hmac
import time

from triage.catalog import Serve

_FRESH_SECONDS = 10.0


class Guard:
    """Knows what a sender has to show; secrets are read again every few seconds, so that they can be rotated."""

    def __init__(self, serve: Serve) -> None:
        self._auth = serve.auth
        self._kept: tuple[float, bytes] | None = None

    def wanted(self) -> str:
        """What a sender is asked for, as ``WWW-Authenticate`` says it; nothing where nobody is asked."""
        if self._auth.bearer is not None:
            return "Bearer"
        return 'Basic realm="triage"' if self._auth.basic is not None else ""

    def lets_in(self, authorization: bytes) -> bool:
        """Whether the header's value opens the door. Raises ConfigError when the secret is not there."""
        if not self.wanted():
            return True
        scheme, _, shown = authorization.partition(b" ")
        wanted = b"bearer" if self._auth.bearer is not None else b"basic"
        right = scheme.lower() == wanted
        given = shown.strip() if wanted == b"bearer" else _unpacked(shown.strip())
        return hmac.compare_digest(_digest(given), self._secret()) and right

    def _secret(self) -> bytes:
        now = time.monotonic()
        if self._kept is None or now - self._kept[0] > _FRESH_SECONDS:
            self._kept = (now, _digest(self._read()))
        return self._kept[1]

    def _read(self) -> bytes:
        if self._auth.bearer is not None:
            return self._auth.bearer.reveal().encode()
        assert self._auth.basic is not None
        return f"{self._auth.basic.username}:{self._auth.basic.password.reveal()}".encode()


def _unpacked(text: bytes) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _digest(secret: bytes) -> bytes:
    """Of one length whatever the secret's, so that a comparison tells nothing of it."""
    return hashlib.sha256(b"triage serve " + secret).digest()
