"""Which words of a refusal tell of content rules, and which only sound like it, in each profile."""

from __future__ import annotations

import pytest

from rushes.backends.classifying import read_error
from rushes.backends.language.files import load_profile, shipped_choices
from rushes.domain import Stage

MODERATED = "rejected_by_moderation"
INNOCENT = [
    (404, "Model not found (names are case-sensitive)"),
    (404, "Model names are case sensitive"),
    (400, "The id is sensitive to case"),
    (500, "cannot load safety_checker/model.safetensors"),
    (500, "CUDA error loading safety_checker: out of memory"),
    (500, "could not fetch CompVis/stable-diffusion-safety-checker"),
    (500, "No such file: safety-model/config.json"),
    (500, "No such file: nsfw_detector/model.safetensors"),
    (500, "load moderation_model.pt failed"),
    (503, "moderate load, try again later"),
    (500, "Please install cosmos_guardrail"),
    (500, "worker SE0051 died"),
]
TOLD = [
    "NSFW content detected.",
    "NSFW_CONTENT_DETECTED",
    "Sensitive content",
    "SensitiveContentDetected",
    "The prompt is sensitive, change it",
    "Failed moderation",
    "The output was moderated",
    "content_moderation: no",
    "moderation_blocked",
    "against our content policy",
    "content_policy_violation",
    "Rejected by our safety system.",
    "risk control",
]
MARK = "risk control"


def kind_of(choice: str, status: int, document: object) -> str:
    error = read_error(
        load_profile(choice),
        status,
        document,  # type: ignore[arg-type]
        stage=Stage.SUBMIT,
        clean=lambda text, most: text[:most],
    )
    return error.kind


def reads_words(choice: str) -> bool:
    rules = load_profile(choice).error.classify
    return any(rule.message and MARK in rule.message for rule in rules)


@pytest.mark.parametrize("choice", shipped_choices())
@pytest.mark.parametrize(("status", "message"), INNOCENT)
def test_an_ordinary_fault_is_none_of_content_rules(choice: str, status: int, message: str) -> None:
    assert kind_of(choice, status, message) != MODERATED


@pytest.mark.parametrize("choice", [each for each in shipped_choices() if reads_words(each)])
@pytest.mark.parametrize("message", TOLD)
def test_a_refusal_for_its_content_is_known_by_its_words(choice: str, message: str) -> None:
    assert kind_of(choice, 400, message) == MODERATED


@pytest.mark.parametrize(
    ("choice", "code"),
    [
        ("xai", "content_policy_violation"),
        ("xai", "moderation_blocked"),
        ("together", "content_policy_violation"),
    ],
)
def test_a_code_says_it_without_any_words(choice: str, code: str) -> None:
    assert kind_of(choice, 400, {"error": {"code": code, "message": "no"}}) == MODERATED
