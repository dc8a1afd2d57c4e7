"""What a ComfyUI's messages make of a percentage."""

from __future__ import annotations

import json

import pytest

from rushes.backends.comfyui.progress import Gauge, samplers_of
from tests.backends.graphs import GRAPH

ID = "0c2bb2f4-58dd-5b8e-a0ab-0cf9ea0f4f5a"
ONE, TWO, NONE = frozenset({"5"}), frozenset({"5", "12:3"}), frozenset[str]()


def step(node: object, value: object, most: object = 20, prompt_id: object = ID) -> str:
    about = {"value": value, "max": most, "prompt_id": prompt_id, "node": node}
    return json.dumps({"type": "progress", "data": about})


def states(**nodes: tuple[object, object]) -> str:
    """Return a `progress_state`; a node's name is led by an n."""
    told = {n[1:].replace("_", ":"): {"value": v, "max": m} for n, (v, m) in nodes.items()}
    return json.dumps({"type": "progress_state", "data": {"prompt_id": ID, "nodes": told}})


def told(samplers: frozenset[str], *messages: str) -> list[int | None]:
    gauge, seen = Gauge(ID, samplers), []
    for message in messages:
        gauge.hear(message)
        seen.append(gauge.progress)
    return seen


def test_the_steps_of_one_sampler_are_the_percentage_and_100_is_never_told() -> None:
    messages = [step("5", value) for value in (0, 1, 10, 20)]

    assert told(ONE, *messages) == [0, 5, 50, 99]


def test_two_samplers_share_it_and_what_else_counts_is_left_out() -> None:
    messages = [step("5", 10), step("6", 1, 4), step("5", 18), step("12:3", 0), step("12:3", 10)]

    assert told(TWO, *messages) == [25, 25, 45, 50, 75]


def test_newer_servers_tell_all_nodes_at_once() -> None:
    messages = [
        states(n9=(1, 1), n5=(0, 1)),
        states(n9=(1, 1), n5=(5, 20)),
        states(n9=(1, 1), n5=(20, 20), n12_3=(4, 20)),
    ]

    assert told(TWO, *messages) == [0, 12, 60]


def test_without_a_sampler_whichever_node_tells_steps_counts() -> None:
    messages = [step("1", 1, 1), step("7", 30, 100), step("8", 2, 100), step("8", 40, 100)]

    assert told(NONE, *messages) == [None, 30, 30, 40]


def test_it_never_goes_back() -> None:
    assert told(ONE, step("5", 15), step("5", 3), step("5", 16)) == [75, 75, 80]


DEEP = "[" * 100_000
JUNK = [
    *(
        "",
        "null",
        "[]",
        "{",
        DEEP,
        "\x00",
        '{"type": "progress"}',
        '{"type": "progress", "data": 3}',
    ),
    step("5", 10, prompt_id="another"),
    step("5", 10, prompt_id=None),
    step("5", 10, prompt_id=[ID]),
    step("5", None),
    step("5", "10"),
    step("5", True),
    step("5", 10, 0),
    step("5", 10, -20),
    step("5", 10, None),
    step(None, 10),
    step(["5"], 10),
    step("6", 10),
    step("5", float("nan")),
    step("5", 10, float("inf")),
    step("5", "x").replace('"x"', "1e999"),
    json.dumps({"type": "progress_state", "data": {"prompt_id": ID, "nodes": ["5"]}}),
    json.dumps({"type": "progress_state", "data": {"prompt_id": ID, "nodes": {"5": None}}}),
    json.dumps({"type": ["progress"], "data": {"prompt_id": ID}}),
    step("5", 1.5, 10**400),
    step("5", 10**400, 10**401),
    step("5", 10**400, 1.5),
    step("5", 1, 1e308),
]


@pytest.mark.parametrize("junk", JUNK, ids=range(len(JUNK)))
def test_what_cannot_be_read_or_is_about_another_changes_nothing(junk: str) -> None:
    assert told(ONE, junk, step("5", 5), junk) == [None, 25, 25]


@pytest.mark.parametrize(("value", "most", "percent"), [(-5, 20, 0), (30, 20, 99), (1, 2**53, 0)])
def test_numbers_beyond_their_bounds_stay_within_ours(
    value: float, most: float, percent: int
) -> None:
    assert told(ONE, step("5", value, most)) == [percent]


def test_samplers_are_the_nodes_that_work_in_steps() -> None:
    others: dict[str, object] = {
        "20": {"class_type": "SamplerCustomAdvanced", "inputs": {"latent_image": ["4", 0]}},
        "21": {"class_type": "KSamplerSelect", "inputs": {"sampler_name": "euler"}},
        "22": {"class_type": "BasicScheduler", "inputs": {"steps": 20}},
        "23": {"class_type": "WanVideoSampler", "inputs": {"steps": 30}},
    }

    assert set(samplers_of(GRAPH | others)) == {"5", "20", "23"}
