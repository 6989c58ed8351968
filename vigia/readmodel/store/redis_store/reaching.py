"""What a Redis answers, or that it does not, in the words of the read model."""

from collections.abc import Iterator
from contextlib import contextmanager

from redis.exceptions import RedisError, ResponseError

from vigia.readmodel.store.redis_store.scripts import LOST
from vigia.readmodel.store.tables import Unavailable


@contextmanager
def reachable() -> Iterator[None]:
    """Raise `Unavailable` for what goes wrong in the block."""
    try:
        yield
    except ResponseError as fault:
        why = str(fault).rpartition("caused error: ")[2]  # what the client says before it is the command
        text = "another console writes the read model" if why.startswith(LOST) else f"Redis refuses ({why.split()[0]})"
        raise Unavailable(text) from None
    except (RedisError, OSError) as fault:
        raise Unavailable(f"Redis does not answer ({type(fault).__name__})") from None
