"""Forms as pages send them, within bounds."""

from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import Request

MOST = 262_144  # bytes


class Form(dict[str, str]):
    """The fields of a form; `all` has those that are given more than once."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        super().__init__(pairs)
        self._pairs = pairs

    def all(self, name: str) -> list[str]:
        """All values of a field, in order."""
        return [value for key, value in self._pairs if key == name]


async def form_of(request: Request) -> Form:
    """The fields of the form that was sent; read once and kept for whoever asks again."""
    known = getattr(request.state, "form", None)
    if isinstance(known, Form):
        return known
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
        raise HTTPException(415)
    raw = b""
    async for piece in request.stream():
        raw += piece
        if len(raw) > MOST:
            raise HTTPException(413)
    found = Form(parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=5_000))
    request.state.form = found
    return found
