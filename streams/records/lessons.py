"""Lessons as everybody may read them: what was known at an instant, by name, and what the customer then did.

This is the public form on the topic `lessons`, between the worker that asked and whoever learns: our trainer or yours.
A column that is not named is 0, so that a shop without complaints does not carry their columns about.

On the topic a lesson names its customer by a keyed hash: lessons are kept for longer than anything else of a person, and a topic
cannot delete single records. The file of a replay names the customer as the events do.
"""

from collections.abc import Iterator
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from scorers.contract.events import DAY, Instant
from scorers.contract.lessons import Lesson
from scorers.contract.rfc3339 import decode_any_instant, encode_instant
from scorers.risk.columns import FEATURES_VERSION, INDEX, NAMES, WIDTH
from scorers.risk.training import OVERLAP
from vigia.runtime.privacy.keyed_hash import KeyedHash

Chance = Annotated[float, Meta(ge=0, le=1)]
Columns = Annotated[dict[str, float], Meta(extra_json_schema={"propertyNames": {"enum": list(NAMES)}})]


class LessonRecord(Struct, frozen=True, kw_only=True):
    """A question about a customer and, as it is known by now, the answer."""

    customer_id: Annotated[
        str,
        Meta(description="On the topic a keyed hash of the customer's id, in the file of a replay the id: who it is."),
    ]
    asked_at: Annotated[Instant, Meta(description="Nothing later than this is in the columns.")]
    answered_at: Annotated[Instant, Meta(description="From here on the answer may be learned.")]
    horizon_days: Annotated[float, Meta(gt=0)]
    features: Annotated[
        Columns, Meta(description="The columns by name; one that is left out is 0. docs/lessons.md says what each is.")
    ]
    features_version: str
    inactive: Annotated[bool, Meta(description="The label: no purchase in (asked_at, asked_at + horizon].")]
    bought_after_days: Annotated[
        float | None, Meta(description="Days to the first purchase; null where none came within the horizon.")
    ] = None
    weight: Annotated[
        float, Meta(gt=0, description="How much it counts: questions overlap, and share what a purchase tells.")
    ] = OVERLAP
    rules: Annotated[Chance, Meta(description="What the rules said when asked.")]
    predicted: Annotated[Chance, Meta(description="What the model in force said when asked.")]
    model_version: Annotated[str, Meta(description="The model in force when asked.")]

    voices: Annotated[
        tuple[float, ...],
        Meta(
            description="What each learner, and last the prior, said when asked, in log-odds; none before any lesson."
        ),
    ] = ()

    def lesson(self) -> Lesson:
        """The lesson, its columns in the order of `NAMES`; ValueError where one is named that we do not know."""
        columns = [0.0] * WIDTH
        for name, value in self.features.items():
            if (place := INDEX.get(name)) is None:
                raise ValueError(f"column {name!r} is not of features version {FEATURES_VERSION}")
            columns[place] = value
        after = self.bought_after_days
        return Lesson(
            customer_id=self.customer_id,
            asked_at=self.asked_at,
            answered_at=self.answered_at,
            horizon=round(self.horizon_days * DAY),
            features=tuple(columns),
            inactive=self.inactive,
            bought_after=None if after is None else round(after * DAY),
            rules=self.rules,
            predicted=self.predicted,
            voices=self.voices,
            model_version=self.model_version,
            features_version=self.features_version,
        )


_encode = msgspec.json.Encoder(enc_hook=encode_instant).encode
_decode = msgspec.json.Decoder(LessonRecord, dec_hook=decode_any_instant).decode


def encode_lesson(lesson: Lesson) -> bytes:
    """The lesson as its record."""
    after = lesson.bought_after
    return _encode(
        LessonRecord(
            customer_id=lesson.customer_id,
            asked_at=Instant(lesson.asked_at),
            answered_at=Instant(lesson.answered_at),
            horizon_days=lesson.horizon / DAY,
            features={name: value for name, value in zip(NAMES, lesson.features, strict=True) if value},
            features_version=lesson.features_version,
            inactive=lesson.inactive,
            bought_after_days=None if after is None else after / DAY,
            rules=lesson.rules,
            predicted=lesson.predicted,
            voices=lesson.voices,
            model_version=lesson.model_version,
        )
    )


def pseudonyms(hashes: KeyedHash, customer_id: str) -> Iterator[str]:
    """What stands for a customer on the topic, under each key, the key that is used for new lessons first.

    It is not the hash by which suppressions are found, so that lessons of the erased cannot be matched with their suppressions.

    >>> next(pseudonyms(KeyedHash("0" * 32), "C1")) != KeyedHash("0" * 32).of("C1")
    True
    """
    return hashes.all(f"lessons of {customer_id}")


def pseudonymous(lesson: Lesson, hashes: KeyedHash) -> tuple[bytes, bytes]:
    """The key and the value of a lesson's record on the topic; neither contains the customer's id."""
    name = next(pseudonyms(hashes, lesson.customer_id))
    return name.encode(), encode_lesson(msgspec.structs.replace(lesson, customer_id=name))


def decode_record(raw: bytes) -> LessonRecord:
    """The record as it stands; ValueError where it is none."""
    return _decode(raw)


def decode_lesson(raw: bytes) -> Lesson:
    """The lesson that `encode_lesson` encoded; ValueError where it is none."""
    return _decode(raw).lesson()
