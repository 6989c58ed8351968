"""Choosing the language of the pages."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from vigia.console.entry.access import is_same_origin
from vigia.console.entry.signing_in import inside
from vigia.console.forms import form_of
from vigia.console.layout import LANGUAGE_COOKIE, LANGUAGES


def routes() -> list[BaseRoute]:
    """The addresses."""
    return [Route("/language", _choose, methods=["POST"])]


async def _choose(request: Request) -> Response:
    form = await form_of(request)
    answer = RedirectResponse(inside(form.get("next", "")), 303)
    if (chosen := form.get("language", "")) in LANGUAGES and is_same_origin(request):
        year = 31_536_000
        answer.headers.append(
            "set-cookie", f"{LANGUAGE_COOKIE}={chosen}; Path=/; SameSite=Lax; HttpOnly; Max-Age={year}"
        )
    return answer
