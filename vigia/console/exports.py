"""Lists as CSV: all rows of the filter, and no cell that a spreadsheet would read as a formula."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from starlette.concurrency import iterate_in_threadpool
from starlette.responses import Response, StreamingResponse

from scorers.contract.spreadsheet import cell
from vigia.console.context import Console
from vigia.readmodel.store.queries import Queries

AT_ONCE = 500  # rows


def download(
    console: Console, name: str, heads: Sequence[str], rows: Callable[[Queries], Iterable[Sequence[Any]]]
) -> Response:
    """The rows as a file, read as they are sent, all from one snapshot."""

    def pieces() -> Iterator[bytes]:
        with console.model.store.snapshot() as queries:
            yield b"\xef\xbb\xbf" + _lines([heads])  # the byte order mark makes Excel read UTF-8
            some: list[Sequence[Any]] = []
            for row in rows(queries):
                some.append(row)
                if len(some) == AT_ONCE:
                    yield _lines(some)
                    some = []
            yield _lines(some)

    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"', "Cache-Control": "private, no-store"}
    return StreamingResponse(iterate_in_threadpool(pieces()), media_type="text/csv; charset=utf-8", headers=headers)


def _lines(rows: Iterable[Sequence[Any]]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL)
    for row in rows:
        writer.writerow(["" if one is None else cell(one) if isinstance(one, str) else one for one in row])
    return out.getvalue().encode("utf-8", "replace")
