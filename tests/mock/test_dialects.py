from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from rushes.mock.config import MockConfig
from tests.mock.driving import QUICK, SMALL, content, created, poll, serving, submit, wait

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx

BASES = ("/v1", "/sglang/v1", "/litellm/v1")
LITELLM_WRONG_KEY = (
    '{"error":{"message":"No connected db.","type":"invalid_request_error","param":null,'
    '"code":"400"}}'
)

# --- vLLM-Omni ------------------------------------------------------------------------------------


def test_vllm_takes_forms_but_no_json(mock: httpx.Client) -> None:
    urlencoded = mock.post("/v1/videos", data={"prompt": "by form", **SMALL})
    refused = mock.post("/v1/videos", json={"prompt": "by json"})

    assert urlencoded.status_code == 200
    assert refused.status_code == 400
    assert refused.json()["error"]["code"] == 400
    assert "missing" in refused.json()["error"]["message"]


def test_vllm_answers_a_failed_poll_with_500_and_the_job(mock: httpx.Client) -> None:
    job_id = created(mock, "#error")
    job = wait(mock, job_id, "failed")

    answer = poll(mock, job_id)

    assert answer.status_code == 500
    assert answer.json() == job
    assert job["id"] == job_id
    assert job["error"] == {"code": 500, "message": "CUDA out of memory (rehearsed by #error)."}
    assert content(mock, job_id).status_code == 422


def test_vllm_shows_no_progress_until_the_end(mock: httpx.Client) -> None:
    job_id = created(mock, "steady")

    seen = {poll(mock, job_id).json()["progress"] for _ in range(5)}
    done = wait(mock, job_id, "completed")

    assert seen == {0}
    assert (done["progress"], done["seconds"], done["fps"]) == (100, "1", 24.0)


def test_vllm_content_before_the_end_is_404(mock: httpx.Client) -> None:
    answer = content(mock, created(mock, "early #slow"))

    assert answer.status_code == 404
    assert answer.json()["error"]["message"] == "Generation is still in-progress"


@pytest.mark.parametrize(
    "fields",
    [
        {"seconds": "4.5"},
        {"seconds": "0"},
        {"size": "big"},
        {"size": "129x73"},
        {"size": "4096x2160"},
        {"fps": "fast"},
        {"model": "another"},
        {"prompt": ""},
    ],
)
def test_vllm_refuses_what_it_does_not_take_with_400(
    mock: httpx.Client, fields: dict[str, str]
) -> None:
    answer = mock.post("/v1/videos", data={"prompt": "no", **SMALL, **fields})

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == 400


def test_vllm_makes_a_size_of_shape_and_short_edge(mock: httpx.Client) -> None:
    fields = {"prompt": "tall", "seconds": "1", "aspect_ratio": "9:16", "short_edge": "360"}

    job = mock.post("/v1/videos", data=fields).json()

    assert job["size"] == "360x640"


def test_vllm_deletes(mock: httpx.Client) -> None:
    job_id = created(mock, "short life")

    answer = mock.delete(f"/v1/videos/{job_id}")

    assert answer.json() == {"id": job_id, "deleted": True, "object": "video.deleted"}
    assert poll(mock, job_id).status_code == 404
    assert mock.delete(f"/v1/videos/{job_id}").status_code == 404


def test_vllm_lists_pages_newest_first(mock: httpx.Client) -> None:
    ids = [created(mock, f"number {n}") for n in range(3)]

    first = mock.get("/v1/videos", params={"limit": "2"}).json()
    rest = mock.get("/v1/videos", params={"limit": "2", "after": first["last_id"]}).json()
    oldest = mock.get("/v1/videos", params={"order": "asc", "limit": "1"}).json()

    assert [job["id"] for job in first["data"]] == [ids[2], ids[1]]
    assert first["has_more"] is True
    assert [job["id"] for job in rest["data"]] == [ids[0]]
    assert rest["has_more"] is False
    assert oldest["first_id"] == ids[0]


# --- SGLang ---------------------------------------------------------------------------------------


def test_sglang_takes_json_and_multipart_but_no_urlencoded_form(mock: httpx.Client) -> None:
    sent = {"prompt": "by json", "seconds": 1, "size": "128x72", "seed": 3}

    assert mock.post("/sglang/v1/videos", json=sent).json()["seconds"] == "1"
    assert submit(mock, "by multipart", base="/sglang/v1").status_code == 200
    refused = mock.post("/sglang/v1/videos", data={"prompt": "by form"})
    assert (refused.status_code, refused.json()) == (400, {"detail": "prompt is required"})


def test_sglang_leaks_a_path_and_drops_the_prompt(mock: httpx.Client) -> None:
    job = submit(mock, "a secret", base="/sglang/v1", model="whatever").json()

    assert job["file_path"].endswith(f"/{job['id']}.mp4")
    assert "prompt" not in job
    assert job["model"] == "whatever"


def test_sglang_answers_a_failed_poll_with_200(mock: httpx.Client) -> None:
    job_id = created(mock, "#fail", base="/sglang/v1")
    wait(mock, job_id, "failed", base="/sglang/v1")

    answer = poll(mock, job_id, base="/sglang/v1")

    assert answer.status_code == 200
    assert list(answer.json()["error"]) == ["message"]
    missing = content(mock, job_id, base="/sglang/v1")
    assert (missing.status_code, missing.json()) == (
        404,
        {"detail": "Video variant None not found"},
    )


def test_sglang_delete_answers_with_the_job_and_forgets_it(mock: httpx.Client) -> None:
    job_id = created(mock, "forget me", base="/sglang/v1")

    answer = mock.delete(f"/sglang/v1/videos/{job_id}")

    assert (answer.json()["id"], answer.json()["status"]) == (job_id, "deleted")
    assert "detail" in poll(mock, job_id, base="/sglang/v1").json()


def test_sglang_list_limit_out_of_range_is_422(mock: httpx.Client) -> None:
    assert mock.get("/sglang/v1/videos", params={"limit": "0"}).status_code == 422
    assert mock.get("/sglang/v1/videos", params={"limit": "100"}).status_code == 200


# --- LiteLLM --------------------------------------------------------------------------------------


def test_litellm_ids_change_and_only_the_first_works(mock: httpx.Client) -> None:
    job_id = created(mock, "two names", base="/litellm/v1")
    job = wait(mock, job_id, "completed", base="/litellm/v1")

    assert job["id"] != job_id
    assert job["id"].startswith("video_bGl0ZWxsbTpjdXN0b21fbGxtX3Byb3ZpZGVyOm9wZW5haTttb2RlbF9pZDo")
    assert content(mock, job_id, base="/litellm/v1").status_code == 200
    assert content(mock, job["id"], base="/litellm/v1").status_code == 500


def test_litellm_ignores_ranges_and_names_a_file(mock: httpx.Client) -> None:
    job_id = created(mock, "whole", base="/litellm/v1")
    wait(mock, job_id, "completed", base="/litellm/v1")
    told = mock.get(f"/_mock/clips/{job_id}").json()

    answer = content(mock, job_id, base="/litellm/v1", range="bytes=0-9")

    assert answer.status_code == 200
    assert len(answer.content) == told["size"]
    assert "etag" not in answer.headers
    assert answer.headers["content-disposition"].startswith('attachment; filename="video_video_')


def test_litellm_offers_no_delete_and_no_list(mock: httpx.Client) -> None:
    job_id = created(mock, "stay", base="/litellm/v1")

    listing = mock.get("/litellm/v1/videos")

    assert mock.delete(f"/litellm/v1/videos/{job_id}").status_code == 405
    assert listing.status_code == 400
    assert listing.json()["error"]["message"].startswith("LLM Provider NOT provided")
    assert poll(mock, "video_none", base="/litellm/v1").status_code == 500


def test_litellm_wants_a_model_it_knows(mock: httpx.Client) -> None:
    unnamed = mock.post("/litellm/v1/videos", json={"prompt": "no model"})
    unknown = submit(mock, "wrong model", base="/litellm/v1", model="another")

    assert (unnamed.status_code, unknown.status_code) == (400, 400)
    assert unknown.json()["error"]["code"] == "400"


def test_litellm_content_too_early_quotes_the_other_server(mock: httpx.Client) -> None:
    answer = content(mock, created(mock, "early #slow", base="/litellm/v1"), base="/litellm/v1")

    assert answer.status_code == 400
    assert '{"error": {"message"' in answer.json()["error"]["message"]


# --- all ------------------------------------------------------------------------------------------


def test_a_job_of_one_dialect_is_unknown_to_the_others(mock: httpx.Client) -> None:
    job_id = created(mock, "mine", base="/sglang/v1")

    assert poll(mock, job_id).status_code == 404


@pytest.mark.parametrize("base", BASES)
def test_models_are_listed(mock: httpx.Client, base: str) -> None:
    assert [model["id"] for model in mock.get(f"{base}/models").json()["data"]] == ["rehearsal"]


@pytest.fixture(scope="module")
def locked() -> Iterator[httpx.Client]:
    with serving(MockConfig(key="s3cret")) as client:
        yield client


@pytest.mark.parametrize(
    ("base", "wrong", "none"),
    [
        ("/v1", (401, '{"error":"Unauthorized"}'), (401, '{"error":"Unauthorized"}')),
        ("/sglang/v1", (401, '{"detail":"Unauthorized"}'), (401, '{"detail":"Unauthorized"}')),
        ("/litellm/v1", (400, LITELLM_WRONG_KEY), (500, "Internal Server Error")),
    ],
)
def test_a_key_is_wanted_in_each_servers_way(
    locked: httpx.Client, base: str, wrong: tuple[int, str], none: tuple[int, str]
) -> None:
    right = locked.get(f"{base}/models", headers={"Authorization": "Bearer s3cret"})
    refused = locked.get(f"{base}/models", headers={"Authorization": "Bearer nonsense"})
    without = locked.post(f"{base}/videos", data={"prompt": "let me in"})

    assert right.status_code == 200
    assert (refused.status_code, refused.text) == wrong
    assert (without.status_code, without.text) == none
    assert locked.get("/_mock/stats").json()["submissions"] == 0


# --- vLLM-Omni, waiting for the clip --------------------------------------------------------------


def test_vllm_sync_answers_with_the_clip_itself(mock: httpx.Client) -> None:
    answer = mock.post("/v1/videos/sync", data={"prompt": "wait for it", **SMALL})

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.headers["x-model"] == "rehearsal"
    told = mock.get(f"/_mock/clips/{answer.headers['x-request-id']}").json()
    assert hashlib.sha256(answer.content).hexdigest() == told["sha256"]
    assert mock.get("/v1/videos").json()["data"] == []
    assert mock.get("/_mock/stats").json()["by_prompt"] == {"wait for it": 1}


def test_vllm_sync_fails_in_plain_sight(mock: httpx.Client) -> None:
    answer = mock.post("/v1/videos/sync", data={"prompt": "#error", **SMALL})

    assert answer.status_code == 500
    assert "#error" in answer.json()["error"]["message"]


def test_vllm_sync_gives_up_on_a_stalled_job(tmp_path: Path) -> None:
    with serving(replace(QUICK, sync_timeout_s=0.3, folder=tmp_path)) as mock:
        answer = mock.post("/v1/videos/sync", data={"prompt": "#stall", **SMALL})

    assert answer.status_code == 504


@pytest.mark.parametrize(
    ("base", "status", "code"), [("/v1", 400, 400), ("/litellm/v1", 200, "content_filter")]
)
def test_a_withheld_clip_has_its_own_code(
    mock: httpx.Client, base: str, status: int, code: int | str
) -> None:
    job_id = created(mock, "#reject", base=base)
    job = wait(mock, job_id, "failed", base=base)

    assert poll(mock, job_id, base=base).status_code == status
    assert job["error"]["code"] == code
