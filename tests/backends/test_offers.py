"""What a profile offers is set beside what its submit can say, when it is loaded."""

from __future__ import annotations

import json
from typing import Any

import pytest
import respx

from rushes.backends.language.files import load_profile, read_profile, shipped_choices
from rushes.domain import Setting, VideoRequest
from rushes.errors import NotConfigured, RefusedByBackend
from tests.backends.hosted import HOST, JOB_ID, hosted
from tests.backends.test_profile import SMALL

OFFER = """
[capabilities]
aspect_ratios = ["16:9", "9:16"]
resolutions = ["720p"]
"""


def loaded(body: str, rest: str = "") -> None:
    read_profile(SMALL.replace('prompt = "=prompt!"', f'prompt = "=prompt!"\n{body}') + rest, "s")


def complaint(body: str, rest: str = "") -> list[str]:
    with pytest.raises(NotConfigured) as caught:
        loaded(body, rest)
    return caught.value.message.splitlines()


# --- at load ------------------------------------------------------------------------------------


def test_an_unknown_table_is_told_with_the_nearest_one() -> None:
    lines = complaint(
        'size = "=aspect_ratio+resolution|map:szes"',
        OFFER + '[tables.sizes]\n"16:9+720p" = "1280:720"\n',
    )

    assert lines == [
        "s:15: submit.body.size: no table is called 'szes'; did you mean 'sizes'?",
    ]


def test_a_pair_that_the_table_lacks_is_told() -> None:
    lines = complaint(
        'size = "=aspect_ratio+resolution|map:sizes"',
        OFFER + '[tables.sizes]\n"16:9+720p" = "1280:720"\n',
    )

    assert lines == [
        "s:15: submit.body.size: 9:16 at 720p is offered, "
        "but the table 'sizes' has no entry for 9:16+720p",
    ]


@pytest.mark.parametrize("template", ['"=size|join:x"', '"=width"', '"{width}x{height}"'])
def test_a_pair_without_pixels_is_told(template: str) -> None:
    offer = OFFER.replace('"720p"', '"720p", "1440p"')

    assert complaint(f"size = {template}", offer) == [
        "s:15: submit.body.size: 16:9 at 1440p is offered, but no pixel size for 16:9 at 1440p",
        "s:15: submit.body.size: 9:16 at 1440p is offered, but no pixel size for 9:16 at 1440p",
    ]


def test_a_length_that_cannot_be_said_is_told() -> None:
    lines = complaint('seconds = "=duration_s|int"', "[capabilities]\ndurations = [5, 2.5]\n")

    assert lines == [
        "s:15: submit.body.seconds: 2.5 is offered, but 2.5 is no whole number",
    ]


def test_a_pair_of_one_model_counts_too() -> None:
    lines = complaint(
        'quality = "=resolution|map:q"\nshape = "=aspect_ratio"',
        f'{OFFER}[tables.q]\n720p = "hd"\n[models.large]\nresolutions = ["1080p"]\n',
    )

    assert lines == [
        "s:15: submit.body.quality: 1080p is offered, but the table 'q' has no entry for 1080p",
    ]


def test_the_largest_usual_size_has_pixels() -> None:
    loaded('size = "=size|join:x"', OFFER.replace("720p", "2160p"))

    assert VideoRequest(prompt="x", aspect_ratio="16:9", resolution="2160p").size == (3840, 2160)


def test_a_setting_that_is_offered_and_said_nowhere_is_told() -> None:
    lines = complaint(
        'x = "=extra.shift"',
        "[capabilities]\naudio = true\n"
        '[capabilities.passthrough]\nshift = { type = "number" }\nshft = { type = "number" }\n',
    )

    assert lines == [
        "s:39: capabilities.audio: no template of [submit] names 'audio'",
        "s:42: capabilities.passthrough.shft: no template of [submit] names 'extra.shft'",
    ]


def test_seeds_pictures_and_choices_that_are_said_nowhere_are_told() -> None:
    lines = complaint(
        'x = "=any_seed"',
        "[capabilities]\nseed = true\nfirst_frame = true\nnegative_prompt = true\n"
        'durations = [5, 10]\nresolutions = ["720p"]\n',
    )

    assert lines == [
        "s:41: capabilities.negative_prompt: no template of [submit] names 'negative_prompt'",
        "s:40: capabilities.first_frame: no template of [submit] names 'first_frame'",
        "s:42: capabilities.durations: no template of [submit] names 'duration_s'",
    ]


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ('{ type = "words" }', "Input should be 'number', 'integer', 'boolean' or 'text'"),
        ('{ type = "text", min = 1 }', "min and max are for numbers, not for text"),
        ('{ type = "integer", choices = ["a"] }', "each of choices must be of type integer"),
        ('{ type = "number", min = 2, max = 1 }', "min is above max"),
    ],
)
def test_a_setting_that_makes_no_sense_is_told(setting: str, reason: str) -> None:
    lines = complaint('x = "=extra.x"', f"[capabilities.passthrough]\nx = {setting}\n")

    assert all(line.startswith("s:39: capabilities.passthrough.x") for line in lines)
    assert any(line.endswith(reason) for line in lines)


def test_an_error_deep_in_a_body_names_its_key_and_line() -> None:
    lines = complaint(
        """content = [
  { text = "=prmpt" },
]
[submit.body.input]
seed = "=sed"
[[submit.variants]]
when = "has(first_frame)"
[[submit.variants]]
when = "has(seed)"
[submit.variants.body]
a = 1
[[submit.variants.body.content]]
text = "=prompt"
[[submit.variants.body.content]]
text = "=seed|itn"
"""
    )

    assert [line.partition("; ")[0] for line in lines] == [
        "s:15: submit.body.content.0.text: nothing is called 'prmpt' here",
        "s:19: submit.body.input.seed: nothing is called 'sed' here",
        "s:29: submit.variants.1.body.content.1.text: no filter 'itn'",
    ]


@pytest.mark.parametrize("choice", shipped_choices())
def test_whatever_a_shipped_profile_names_of_settings_it_offers(choice: str) -> None:
    profile = load_profile(choice)
    text = json.dumps(profile.submit.model_dump(mode="json"))
    takes = profile.takes()

    for name in ("audio", "fps", "num_frames", "steps", "guidance"):
        assert (f'"={name}' in text) == bool(getattr(takes, name)), name


def test_a_model_takes_what_its_own_table_says() -> None:
    profile = read_profile(
        SMALL.replace(
            '"=prompt!"', '"=prompt!"\nshape = "=aspect_ratio"\nsteps = "=steps"\nsound = "=audio"'
        )
        + OFFER
        + 'steps = { min = 1, max = 50 }\n[models.fast]\nsteps = false\naudio = "on"\n',
        "s",
    )

    assert (profile.takes().steps, profile.takes().audio) == (Setting("integer", 1, 50), False)
    fast = profile.takes("fast")
    assert (fast.steps, fast.audio, fast.has_sound) == (None, True, True)
    assert fast.resolutions == ("720p",)


# --- on the wire --------------------------------------------------------------------------------

PORTRAIT: list[tuple[str, dict[str, Any]]] = [
    ("runway", {"ratio": "720:1280"}),
    ("xai", {"aspect_ratio": "9:16", "resolution": "720p"}),
    ("fal", {"aspect_ratio": "9:16", "resolution": "720p"}),
    ("ark", {"ratio": "9:16", "resolution": "720p"}),
    ("openrouter", {"aspect_ratio": "9:16", "resolution": "720p"}),
    ("luma", {"aspect_ratio": "9:16", "video": {"resolution": "720p"}}),
]
PATHS = {
    "runway": "/v1/text_to_video",
    "xai": "/videos/generations",
    "fal": "/maker/model/text-to-video",
    "ark": "/contents/generations/tasks",
    "openrouter": "/videos",
    "luma": "/generations",
}


async def asked(profile: str, **fields: Any) -> None:  # noqa: ANN401 - request fields
    request = VideoRequest(prompt="x", width=720, height=1280, **fields)
    await hosted(profile).submit(request, idempotency_key=JOB_ID)


@pytest.mark.anyio
@pytest.mark.parametrize(("profile", "said"), PORTRAIT, ids=[name for name, _ in PORTRAIT])
async def test_pixels_are_sent_as_the_words_that_the_service_has(
    profile: str, said: dict[str, Any]
) -> None:
    with respx.mock() as wire:
        route = wire.post(f"{HOST}{PATHS[profile]}").respond(
            200, json={"id": "1", "request_id": "1"}
        )
        await asked(profile)

    sent = json.loads(route.calls.last.request.content)
    assert {name: sent[name] for name in said} == said


@pytest.mark.anyio
@pytest.mark.parametrize("profile", ["kling", "minimax-v1", "huggingface", "lightx2v"])
async def test_pixels_that_a_service_cannot_be_told_are_never_sent(profile: str) -> None:
    with respx.mock() as wire, pytest.raises(RefusedByBackend, match="720 x 1280"):
        await asked(profile)

    assert not wire.calls


@pytest.mark.anyio
async def test_words_of_another_shape_do_not_go_before_pixels() -> None:
    with respx.mock() as wire, pytest.raises(RefusedByBackend, match="720 x 1280"):
        await asked("runway", aspect_ratio="16:9", resolution="720p")

    assert not wire.calls


@pytest.mark.anyio
async def test_settings_are_sent_as_what_they_are() -> None:
    request = VideoRequest(prompt="x", audio=False, fps=24, steps=30)
    with respx.mock() as wire:
        route = wire.post(f"{HOST}/v2/videos").respond(200, json={"id": "1"})
        await hosted("together").submit(request, idempotency_key=JOB_ID)

    sent = json.loads(route.calls.last.request.content)
    assert (sent["generate_audio"], sent["fps"], sent["steps"]) == (False, 24, 30)
