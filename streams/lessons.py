"""Lessons as they stand on their topic, between the worker that asked and the trainer that learns."""

from typing import Any

import msgspec

from scorers.events import Instant
from scorers.instants import parse_any_instant, rfc3339
from scorers.risk import Lesson


def _tell(value: Any) -> str:
    if isinstance(value, Instant):
        return rfc3339(value)
    raise TypeError(f"{type(value).__name__} is not of a lesson")


def _read(_: type, value: Any) -> Instant:
    return parse_any_instant(value)


_encode = msgspec.json.Encoder(enc_hook=_tell).encode
_decode = msgspec.json.Decoder(Lesson, dec_hook=_read).decode


def encode_lesson(lesson: Lesson) -> bytes:
    """The lesson as JSON, its instants with their zone."""
    told = msgspec.structs.replace(
        lesson,
        asked_at=Instant(lesson.asked_at),
        answered_at=Instant(lesson.answered_at),
        horizon=int(lesson.horizon),  # a policy's length of time is a number to everybody else
    )
    return _encode(told)


def decode_lesson(raw: bytes) -> Lesson:
    """The lesson that `encode_lesson` told; ValueError where it is none."""
    return _decode(raw)
