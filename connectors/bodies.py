"""What vendors push to us: the body of a request, read no further than we take."""

from fastapi import Request
from starlette.requests import ClientDisconnect

from core.errors import KefuError, TooLarge

MAX_BYTES = 256 * 1024


class Malformed(KefuError):
    """What came is not what this vendor sends: it cannot be decoded, decrypted or parsed."""

    code = "malformed"
    status = 400


async def read_body(request: Request) -> bytes:
    """Raises TooLarge, and Malformed when the vendor breaks off."""
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BYTES:
                raise TooLarge(f"a push has at most {MAX_BYTES} bytes")
    except ClientDisconnect as error:
        raise Malformed("the push broke off") from error
    return bytes(body)
