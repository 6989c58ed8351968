"""The pages that say what is wrong."""

from starlette.requests import Request
from starlette.responses import Response

from vigia.console.layout import page, view_of

TITLES = {
    400: "The address asks for something that does not exist",
    403: "Not allowed",
    404: "There is no such page",
    405: "Not possible here",
    409: "Not possible now",
    413: "Too much at once",
    415: "Not understood",
    503: "Not recorded",
}


async def failed(request: Request, status: int, text: str = "") -> Response:
    """A page that says what is wrong, within what every page shows."""
    view = view_of(request)
    title = view(TITLES.get(status, "It did not work"))
    missing = view("Nothing with this id is known here. It may have been erased, or the address is wrong.")
    return await page(request, "problem.html", status, title=title, text=text or (missing if status == 404 else ""))


async def unreadable(request: Request) -> Response:
    """A page that says that the read model cannot be asked now."""
    view = view_of(request)
    text = view(
        "The store of the console does not answer. Alarms are raised and sent as before; try again in a moment."
    )
    return await page(request, "problem.html", 503, title=view("The data cannot be read now"), text=text)
