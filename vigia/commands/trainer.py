"""`vigia trainer`: learns who leaves."""

import os

import typer

from streams.trainer import Trainer
from vigia import settings
from vigia.commands.serving import KAFKA, Kafka, Prefix, broker, until_stopped
from vigia.typed import Unusable


def trainer(kafka: Kafka = KAFKA, prefix: Prefix = "") -> None:
    """Learn from the lessons that the workers tell, and put a new model in force each day.

    There is one for all workers. VIGIA_SEAL is the secret that its models are sealed with; workers need the same.
    """
    where, told = broker(kafka, prefix), settings.read(os.environ)
    try:
        learning = Trainer(where, told)
    except ValueError as error:
        raise Unusable(str(error)) from None
    typer.echo(f"trainer: Kafka {kafka}", err=True)
    until_stopped(learning.run, kafka)
