"""Calls made up from the OpenAPI document, fitting and unfitting ones: no 500, and every answer is as described."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from tests.api_house import House, build
from webhook_ui.database import Database

schemathesis = pytest.importorskip("schemathesis")

EXAMPLES = 3  # of each call, fitting and unfitting


@pytest.fixture
def house(database: Database, tmp_path: Path) -> House:
    return build(database, tmp_path)


@pytest.fixture
def checks() -> list[Callable[..., Any]]:
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi import checks as conformance

    return [
        not_a_server_error,
        conformance.status_code_conformance,
        conformance.content_type_conformance,
        conformance.response_schema_conformance,
        conformance.response_headers_conformance,
        conformance.negative_data_rejection,
    ]


def strategies(house: House) -> Iterator[Any]:
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", house.app)
    for found in schema.get_all_operations():
        for mode in schemathesis.GenerationMode:
            yield found.ok().as_strategy(generation_mode=mode)


def test_whatever_is_sent_is_answered_as_described(house: House, checks: list[Callable[..., Any]]) -> None:
    for strategy in strategies(house):

        @hypothesis.settings(
            max_examples=EXAMPLES,
            database=None,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(hypothesis.HealthCheck),
            phases=[hypothesis.Phase.generate],
        )
        @hypothesis.given(case=strategy)
        def call(case: Any) -> None:
            case.call_and_validate(headers={"authorization": "Bearer operator"}, checks=checks)

        call()
