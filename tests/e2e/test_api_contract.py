"""The API against its own description: what it allows and what it forbids breaks nothing."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

if TYPE_CHECKING:
    from schemathesis import Case

    from tests.e2e.servers import Programs

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
MET = {GenerationMode.POSITIVE: {200, 202, 404}, GenerationMode.NEGATIVE: {404, 422}}


@pytest.mark.slow
@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_every_answer_is_one_that_the_description_names(
    programs: Programs, mode: GenerationMode
) -> None:
    site = programs.site(programs.mock())
    job_id = site.submit("a known job")
    schema = schemathesis.openapi.from_url(f"{site.url}/api/v1/openapi.json")
    operations = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
    met: set[int] = set()

    for operation in operations:

        @settings(max_examples=50, suppress_health_check=list(HealthCheck), database=None)
        @given(case=operation.as_strategy(generation_mode=mode))
        def judged(case: Case[Any]) -> None:
            met.add(case.call_and_validate(checks=CHECKS, timeout=20).status_code)

        with suppress(Unsatisfiable):  # what takes nothing cannot be asked wrongly
            judged()

    assert len(operations) >= 6
    assert met >= MET[mode]
    assert site.get("/readyz").status_code == 200
    assert site.job(job_id)["id"] == job_id
