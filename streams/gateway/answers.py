"""What the gateway answers where it does not serve a request, and the results of items."""

from typing import Any

from streams.gateway.body import MAX_NAMED, Read


class Refused(Exception):
    """The answer to a request that is not served; `after` is in how many seconds the sender may try again."""

    def __init__(self, status: int, error: str, *, after: int | None = None, **more: object) -> None:
        super().__init__(error)
        self.status, self.content = status, {"error": error, **more}
        self.headers: dict[str, str] = {} if after is None else {"Retry-After": str(after)}


def refuse_bad(found: Read) -> None:
    """Raise `Refused` if an item is bad, or there is none."""
    if found.facts and not found.bad:
        return
    named: list[dict[str, Any]] = [
        {"line": one.line, "index": one.index, "code": one.code, "detail": one.detail} for one in found.bad[:MAX_NAMED]
    ]
    status = 400 if not found.bad or any(one.status == 400 for one in found.bad) else 403
    error = "no event was accepted" if found.bad else "the body contains no event"
    raise Refused(status, error, rejected=len(found.bad), unread=found.unread, lines=named)


def results(found: Read, duplicates: list[bool]) -> list[dict[str, object]]:
    """A result for each item, in their order."""
    made: dict[int, dict[str, object]] = {
        one.index: {"index": one.index, "status": one.status, "code": one.code, "detail": one.detail}
        for one in found.bad
    }
    for (index, _), again in zip(found.facts, duplicates, strict=True):
        made[index] = {"index": index, "status": 202, "code": "duplicate" if again else "accepted", "detail": ""}
    return [made[index] for index in sorted(made)]
