"""What a broker says of this client's certificate: in TLS 1.3 it refuses one after the handshake, by an alert that a client has to read."""

import asyncio
import logging
import ssl

WITHIN = 10.0  # seconds for the handshake and the alert
_NEW = "name another one in VIGIA_KAFKA_CERT"
_DOUBTED = f"it refuses this client's certificate, which may be revoked, expired, or of an authority that it does not know (its log says which): {_NEW}"
WANTED = "it wants a client certificate: name one in VIGIA_KAFKA_CERT"
SAID = {
    "CERTIFICATE_REVOKED": f"this client's certificate is revoked: {_NEW}",
    "CERTIFICATE_EXPIRED": f"this client's certificate has expired: {_NEW}",
    "UNKNOWN_CA": f"this client's certificate is of an authority that it does not know: {_NEW}",
    "CERTIFICATE_REQUIRED": WANTED,
    "CERTIFICATE_UNKNOWN": _DOUBTED,  # what Kafka says of all of these
    "BAD_CERTIFICATE": _DOUBTED,
    "UNSUPPORTED_CERTIFICATE": f"this client's certificate is not for clients: {_NEW}",
}
"""By the end of OpenSSL's name of an alert."""


def _is_news(record: logging.LogRecord) -> bool:
    """Drop asyncio's report of the TLS error of a closed connection: the caller that waited on it has got the error already."""
    return record.exc_info is None or not isinstance(record.exc_info[1], ssl.SSLError)


logging.getLogger("asyncio").addFilter(_is_news)


async def refusal(host: str, port: int, context: ssl.SSLContext, *, shows_one: bool) -> str:
    """Why a broker refuses the certificate that is shown, or that none is; empty if it says nothing of it."""
    writer = None
    try:
        async with asyncio.timeout(WITHIN):
            reader, writer = await asyncio.open_connection(host, port, ssl=context)
            await reader.read(1)
    except ssl.SSLError as fault:
        reason = fault.reason or ""
        said = next((said for alert, said in SAID.items() if reason.endswith(alert)), "")
        return said if shows_one or not said else WANTED
    except (OSError, TimeoutError):
        return ""
    finally:
        if writer is not None:
            writer.close()
    return ""
