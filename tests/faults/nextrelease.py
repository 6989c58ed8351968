"""`vigia` as a release may be that does not exist yet: it reads events of schema version 2, which say what those of 1 say.

`python -m tests.faults.nextrelease worker ...` is `vigia worker ...` of that release.
"""

from scorers.contract.rejection import Rejection
from scorers.contract.wire import AnyEvent, decode
from streams.worker import record_reader
from vigia.cli import main

OLD, NEW = b'"schema_version": 1', b'"schema_version": 2'


def decode_either(raw: bytes) -> AnyEvent | Rejection:
    """The event, of either version."""
    return decode(raw.replace(NEW, OLD))


if __name__ == "__main__":
    record_reader.decode = decode_either
    main()
