"""Words that spoil answers on their way out: which answer, how often, and no other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.mock.driving import content, created, poll, submit, wait

if TYPE_CHECKING:
    import httpx


def spoilt(mock: httpx.Client, prompt: str) -> Any:  # noqa: ANN401 - JSON
    return mock.get("/_mock/stats").json()["spoilt"].get(prompt, 0)


@pytest.mark.parametrize("base", ["/v1", "/sglang/v1", "/litellm/v1"])
def test_one_poll_is_a_page_and_the_next_is_well(mock: httpx.Client, base: str) -> None:
    prompt = f"#html {base}"
    job_id = created(mock, prompt, base=base)

    first, second = poll(mock, job_id, base=base), poll(mock, job_id, base=base)

    assert first.headers["content-type"].startswith("text/html")
    assert second.json()["status"] in {"queued", "in_progress", "completed"}
    assert spoilt(mock, prompt) == 1


def test_one_poll_is_an_empty_object(mock: httpx.Client) -> None:
    job_id = created(mock, "#bare tree")

    assert poll(mock, job_id).json() == {}
    assert poll(mock, job_id).json()["id"] == job_id


@pytest.mark.parametrize(("word", "kind"), [("#html-answer", "html"), ("#bare-answer", "json")])
def test_a_submit_s_answer_is_spoilt_and_the_job_was_taken(
    mock: httpx.Client, word: str, kind: str
) -> None:
    prompt = f"{word} of a kite"

    answer = submit(mock, prompt)

    assert kind in answer.headers["content-type"]
    assert "id" not in answer.text
    assert mock.get("/_mock/stats").json()["by_prompt"][prompt] == 1
    assert spoilt(mock, prompt) == 1


def test_one_poll_of_an_unfinished_job_has_a_word_that_nobody_knows(mock: httpx.Client) -> None:
    job_id = created(mock, "#odd-word in the wind #slow")

    assert poll(mock, job_id).json()["status"] == "pondering"
    assert poll(mock, job_id).json()["status"] in {"queued", "in_progress"}


def test_an_expired_clip_is_gone_each_time_and_others_stay(mock: httpx.Client) -> None:
    expired, other = created(mock, "#expired kite"), created(mock, "a kite that stays")
    wait(mock, expired, "completed")
    wait(mock, other, "completed")

    assert [content(mock, expired).status_code for _ in range(2)] == [404, 404]
    assert content(mock, other).status_code == 200
