"""From what an app tells of itself to the arguments of its function."""

from __future__ import annotations

from typing import Any

import pytest

from rushes.backends.gradio.app import Endpoint, read_endpoint, read_prefix
from rushes.backends.gradio.request import catalogue, named_arguments
from rushes.domain import Setting, VideoRequest
from rushes.errors import NotConfigured, RefusedByBackend

JOB = "a" * 26


def parameter(name: str, default: Any = None, label: str = "", **schema: Any) -> dict[str, Any]:  # noqa: ANN401
    return {
        "label": label,
        "parameter_name": name,
        "parameter_has_default": default is not None,
        "parameter_default": default,
        "type": schema or {"type": "string"},
        "component": "Textbox",
    }


def number(name: str, default: Any, least: float, most: float) -> dict[str, Any]:  # noqa: ANN401
    bounds = f"numeric value between {least} and {most}"
    return parameter(name, default, type="number", description=bounds)


def choices(name: str, default: str, *words: str) -> dict[str, Any]:
    return parameter(name, default, type="string", enum=list(words))


def app(*parameters: dict[str, Any], name: str = "/generate") -> Endpoint:
    returns = [{"label": "v", "component": "Video"}]
    info: Any = {"named_endpoints": {name: {"parameters": list(parameters), "returns": returns}}}
    return read_endpoint({"api_prefix": "/gradio_api"}, info, None)


def arguments(
    endpoint: Endpoint,
    overrides: dict[str, Any] | None = None,
    **fields: Any,  # noqa: ANN401
) -> list[Any]:
    request = VideoRequest(**({"prompt": "a kite"} | fields))
    given = named_arguments(endpoint, request, job_id=JOB, overrides=overrides or {})
    return list(endpoint.arguments(given))


PROMPT = parameter("prompt")
FILLED: list[tuple[list[dict[str, Any]], dict[str, Any], list[Any]]] = [
    ([PROMPT], {}, ["a kite"]),
    ([parameter("param_0", label="Prompt")], {}, ["a kite"]),
    ([parameter("Text Prompt")], {}, ["a kite"]),
    ([PROMPT, parameter("negative_prompt")], {}, ["a kite", ""]),
    ([PROMPT, parameter("n_prompt", "blurry")], {}, ["a kite", "blurry"]),
    ([PROMPT, parameter("n_prompt", "blurry")], {"negative_prompt": "rain"}, ["a kite", "rain"]),
    ([PROMPT, parameter("image", type="object")], {}, ["a kite", None]),
    ([PROMPT, number("duration_ui", 2, 0.3, 8.5)], {"duration_s": 4}, ["a kite", 4]),
    ([PROMPT, number("duration_ui", 2, 0.3, 8.5)], {"duration_s": 2.5}, ["a kite", 2.5]),
    ([PROMPT, number("duration_ui", 2, 0.3, 8.5)], {}, ["a kite", 2]),
    ([PROMPT, choices("seconds", "5s", "5s", "10s")], {"duration_s": 10}, ["a kite", "10s"]),
    ([PROMPT, parameter("steps", 20, type="integer")], {"steps": 30}, ["a kite", 30]),
    (
        [PROMPT, number("height", 512, 64, 1280), number("width", 512, 64, 1280)],
        {"aspect_ratio": "16:9", "resolution": "720p"},
        ["a kite", 720, 1280],
    ),
    (
        [PROMPT, choices("size", "832*480", "832*480", "1280*720 (16:9)", "720*1280")],
        {"aspect_ratio": "9:16", "resolution": "720p"},
        ["a kite", "720*1280"],
    ),
    (
        [PROMPT, choices("resolution", "480p", "480p", "720p"), choices("ratio", "1:1", "1:1")],
        {"aspect_ratio": "1:1", "resolution": "720p"},
        ["a kite", "720p", "1:1"],
    ),
    ([PROMPT, parameter("size", "640x360")], {"width": 320, "height": 192}, ["a kite", "320x192"]),
    ([PROMPT, parameter("audio", False, type="boolean")], {"audio": True}, ["a kite", True]),
]


@pytest.mark.parametrize(("parameters", "fields", "expected"), FILLED)
def test_arguments_are_found_by_name_and_defaults_filled_in(
    parameters: list[dict[str, Any]], fields: dict[str, Any], expected: list[Any]
) -> None:
    assert arguments(app(*parameters), **fields) == expected


SEEDS: list[tuple[list[dict[str, Any]], int | None, list[Any] | None]] = [
    ([number("seed", 42, 0, 1000)], 7, [7]),
    ([parameter("seed", -1, type="number")], None, [-1]),
    ([parameter("seed", type="number")], None, [None]),
    ([number("seed", 42, 0, 9), parameter("randomize_seed", True, type="boolean")], 7, [7, False]),
    ([number("seed", 42, 0, 9), parameter("randomize_seed", True, type="boolean")], None, None),
]


@pytest.mark.parametrize(("parameters", "seed", "expected"), SEEDS)
def test_a_seed_is_sent_as_asked_and_never_rolled_over(
    parameters: list[dict[str, Any]], seed: int | None, expected: list[Any] | None
) -> None:
    found = arguments(app(PROMPT, *parameters), seed=seed)[1:]

    assert found == (expected or [42, True])


def test_a_fixed_default_seed_is_varied_by_job_and_within_bounds() -> None:
    endpoint = app(PROMPT, number("seed", 42, 0, 1000))
    request = VideoRequest(prompt="a kite")

    seeds = [
        named_arguments(endpoint, request, job_id=job, overrides={})["seed"]
        for job in ("a" * 26, "b" * 26, "a" * 26)
    ]

    assert seeds[0] == seeds[2] != seeds[1]
    assert all(isinstance(seed, int) and 0 <= seed <= 1000 for seed in seeds)


def test_what_the_function_cannot_take_is_refused_by_name() -> None:
    endpoint = app(
        PROMPT, number("seconds", 2, 1, 5), choices("size", "1280x720", "1280x720", "720x1280")
    )

    with pytest.raises(RefusedByBackend, match="seconds cannot be 8: it takes 1 to 5"):
        arguments(endpoint, duration_s=8)
    with pytest.raises(RefusedByBackend, match="size has no choice for 640x360"):
        arguments(endpoint, aspect_ratio="16:9", resolution="360p")


def test_the_operator_s_table_wins_and_is_found_by_name_or_label() -> None:
    endpoint = app(
        parameter("a"),
        parameter("frames", 81, type="integer"),
        parameter("c", label="Mood"),
        number("cfg", 5, 1, 10),
    )
    table = {"a": "=prompt", "frames": "=duration_s|frames:16", "Mood": "calm", "cfg": 7}

    assert arguments(endpoint, table, duration_s=5, num_frames=3) == ["a kite", 80, "calm", 7]
    assert arguments(endpoint, table) == ["a kite", 81, "calm", 7]
    with pytest.raises(NotConfigured, match="no parameter 'b'; it has a, frames, c, cfg"):
        arguments(endpoint, {"b": 1})


def test_a_state_among_the_inputs_is_left_empty() -> None:
    info: Any = {
        "named_endpoints": {
            "/other": {"parameters": [PROMPT], "returns": [{"component": "Textbox"}]},
            "/generate": {
                "parameters": [PROMPT, number("seconds", 2, 1, 5)],
                "returns": [{"component": "Textbox"}, {"component": "Video"}],
            },
        }
    }
    config: Any = {
        "api_prefix": "/gradio_api",
        "components": [{"id": 1, "skip_api": True}, {"id": 2, "skip_api": False}, {"id": 3}],
        "dependencies": [
            {"id": 4, "api_name": "other", "inputs": [2]},
            {"id": 9, "api_name": "generate", "inputs": [2, 1, 3]},
        ],
    }

    endpoint = read_endpoint(config, info, None)

    assert (endpoint.name, endpoint.number, endpoint.prefix) == ("generate", 9, "/gradio_api")
    assert arguments(endpoint) == ["a kite", None, 2]


def test_a_function_is_chosen_by_name_or_its_absence_told() -> None:
    info: Any = {"named_endpoints": {"/chat": {"parameters": [PROMPT], "returns": []}}}

    assert read_endpoint({}, info, "/chat").name == "chat"
    with pytest.raises(NotConfigured, match="no function of the app makes a video; it has chat"):
        read_endpoint({}, info, None)
    with pytest.raises(NotConfigured, match="is called 'video'; it has chat"):
        read_endpoint({}, info, "video")


@pytest.mark.parametrize("document", [None, [], "x", {"named_endpoints": [1]}, {"api_prefix": 3}])
def test_nonsense_is_an_app_without_functions(document: Any) -> None:  # noqa: ANN401
    assert read_prefix(document) == ""
    with pytest.raises(NotConfigured, match="none at all"):
        read_endpoint(document, document, None)


def test_what_can_be_asked_is_what_the_function_takes() -> None:
    endpoint = app(
        PROMPT,
        choices("model_name", "wan-b", "wan-a", "wan-b"),
        number("seed", 0, 0, 9),
        number("duration", 2, 1, 5),
        number("width", 512, 64, 1280),
        number("height", 512, 64, 720),
    )

    found = catalogue(endpoint, (), {})
    takes = found.capabilities(None)

    assert (list(found.models), found.default) == (["wan-b", "wan-a"], "wan-b")
    assert takes is not None
    assert takes.durations == (1.0, 2.0, 3.0, 4.0, 5.0)
    assert (takes.aspect_ratios, takes.resolutions) == (
        ("16:9", "1:1"),
        ("360p", "480p", "540p", "720p"),
    )
    assert (takes.seed, takes.negative_prompt, takes.idempotency) == (True, False, False)


def test_settings_are_offered_where_the_function_has_them() -> None:
    endpoint = app(
        PROMPT,
        number("num_inference_steps", 20, 1, 50),
        choices("fps", "24 a second", "24 a second", "30 a second"),
        parameter("audio") | {"component": "Audio"},
    )

    takes = catalogue(endpoint, (), {"guidance_scale": "=guidance"}).capabilities(None)

    assert takes is not None
    assert takes.steps == Setting("integer", 1, 50)
    assert (takes.fps, takes.audio, takes.pixels) == (None, False, False)
    assert takes.guidance == Setting("number")


def test_sound_is_offered_where_it_is_a_box() -> None:
    box = parameter("generate_audio", False, type="boolean") | {"component": "Checkbox"}

    takes = catalogue(app(PROMPT, box), (), {}).capabilities(None)

    assert takes is not None
    assert takes.audio
    assert arguments(app(PROMPT, box), audio=True) == ["a kite", True]


def test_sizes_are_offered_only_where_each_goes_with_each() -> None:
    endpoint = app(PROMPT, choices("size", "a", "1280x720", "720x1280", "640x360"))

    takes = catalogue(endpoint, ("only",), {}).models["only"]

    assert takes.resolutions == ("360p", "720p")
    assert takes.aspect_ratios == ("16:9",)


def test_an_app_without_a_prompt_needs_a_table() -> None:
    endpoint = app(parameter("prompt"))
    silent = app(parameter("a"), name="/x")

    assert catalogue(endpoint, (), {}).default == ""
    assert catalogue(silent, (), {"a": "=prompt"}).default == ""
    with pytest.raises(NotConfigured, match="no parameter of x is a prompt"):
        catalogue(silent, (), {})
