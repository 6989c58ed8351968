"""The pages, one module for each group of them."""

from starlette.routing import BaseRoute

from vigia.console.pages import about, alarms, base, customers, language, letters, links, processes, stores, worklist

MODULES = (worklist, alarms, customers, base, stores, about, letters, processes, links, language)


def routes() -> list[BaseRoute]:
    """The addresses of all pages."""
    return [route for module in MODULES for route in module.routes()]
