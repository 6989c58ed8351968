"""Requests made from an OpenAPI document, whose answers must be as it describes them."""

from collections.abc import Mapping
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


def ask(document: Mapping[str, Any], address: str, examples: int) -> set[str]:
    """Ask each operation of a document so often; the paths that were asked. The same requests each time."""
    asked: set[str] = set()
    for result in schemathesis.openapi.from_dict(dict(document)).get_all_operations():

        @settings(
            max_examples=examples,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
            derandomize=True,
            database=None,
        )
        @given(result.ok().as_strategy())
        def one(case: schemathesis.Case) -> None:
            case.call_and_validate(base_url=address, checks=CHECKS)
            asked.add(case.path)

        one()
    return asked
