"""One event is one line, whatever was typed, sent or received."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rushes import logs

if TYPE_CHECKING:
    from collections.abc import Iterator

HOSTILE = (
    st.text(alphabet=st.sampled_from('a "\\\r\n\x1b[31m\x00\x7f\x85\u2028\u2029\u202e\ud800{}%'))
    | st.text()
)
STEERING = ("\r", "\n", "\x1b", "\x00", "\x85", "\u2028", "\u2029", "\u202e")


@contextmanager
def logged(formatter: logging.Formatter) -> Iterator[tuple[logging.Logger, io.StringIO]]:
    """Return a logger of its own, and what it wrote."""
    # Of no family: pytest would report half characters, which cannot be sent between processes.
    written, logger = io.StringIO(), logging.Logger("rushes.test")  # noqa: LOG001
    handler = logging.StreamHandler(written)
    handler.setFormatter(formatter)
    logger.setLevel(logging.DEBUG)
    logger.addHandler(handler)
    yield logger, written
    logger.removeHandler(handler)


def one_json(written: io.StringIO) -> dict[str, Any]:
    """Return the only line that was written."""
    text = written.getvalue()
    assert text.endswith("\n")
    assert len(text.splitlines()) == 1
    line: dict[str, Any] = json.loads(text)
    return line


@given(HOSTILE)
def test_a_json_event_is_one_line_of_plain_ascii(said: str) -> None:
    with logged(logs.JsonLines()) as (logger, written):
        logger.info("said %s", said)

    assert written.getvalue().isascii()
    assert one_json(written)["message"] == f"said {said}"


@given(HOSTILE)
def test_a_text_event_is_one_line_that_steers_no_terminal(said: str) -> None:
    with logged(logs.TextLines()) as (logger, written):
        logger.warning("said %s", said)

    text = written.getvalue()
    text.encode()
    assert text.count("\n") == 1
    assert not any(mark in text.removesuffix("\n") for mark in STEERING)


@pytest.mark.parametrize("formatter", [logs.JsonLines(), logs.TextLines()])
def test_a_crash_is_one_line_too(formatter: logging.Formatter) -> None:
    with logged(formatter) as (logger, written):
        try:
            int("two\nlines\u2028three")
        except ValueError:
            logger.exception("it broke")

    (line,) = written.getvalue().splitlines()
    assert "Traceback" in line
    assert "ValueError" in line


def test_an_event_says_which_request_and_job_it_belongs_to() -> None:
    request, job = logs.request_id.set("r-1"), logs.job_id.set("j-1")
    try:
        with logged(logs.JsonLines()) as (logger, written):
            logger.info("hello")
        with logged(logs.TextLines()) as (logger, plain):
            logger.info("hello")
    finally:
        logs.request_id.reset(request)
        logs.job_id.reset(job)

    line = one_json(written)
    assert (line["request_id"], line["job_id"]) == ("r-1", "j-1")
    assert "hello [request r-1] [job j-1]" in plain.getvalue()


def test_an_event_has_its_time_level_logger_and_fields() -> None:
    with logged(logs.JsonLines()) as (logger, written):
        logger.warning("slow", extra={"fields": {"ms": 12}})

    line = one_json(written)
    assert line.pop("at").endswith("+00:00")
    assert line == {"level": "warning", "logger": "rushes.test", "message": "slow", "ms": 12}


def test_fields_cannot_pass_for_what_the_line_says_itself() -> None:
    with logged(logs.JsonLines()) as (logger, written):
        logger.warning("true", extra={"fields": {"message": "false", "level": "debug"}})

    line = one_json(written)
    assert (line["message"], line["level"]) == ("true", "warning")


@pytest.mark.parametrize("form", ["text", "json"])
def test_libraries_begin_at_warning_whatever_the_level(form: str) -> None:
    said = subprocess.run(
        [
            sys.executable,
            "-c",
            "import logging; from rushes import logs\n"
            f"logs.set_up('debug', {form!r})\n"
            "logging.getLogger('aiosqlite').debug('INSERT canary')\n"
            "logging.getLogger('httpx').info('GET /?key=canary')\n"
            "logging.getLogger('rushes.web').debug('ours')\n"
            "logging.getLogger('aiosqlite').warning('theirs')\n",
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stderr

    assert "canary" not in said
    assert ["ours" in line or "theirs" in line for line in said.splitlines()] == [True, True]


def test_a_quiet_level_silences_libraries_too() -> None:
    said = subprocess.run(
        [
            sys.executable,
            "-c",
            "import logging; from rushes import logs; logs.set_up('error')\n"
            "logging.getLogger('asyncio').warning('slow'); logging.getLogger('rushes').info('x')\n",
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stderr

    assert said == ""
