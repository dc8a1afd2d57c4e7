"""A graph that ComfyUI has taken, and how its work ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rushes.mock.dialects.comfyui_graph import node_of

if TYPE_CHECKING:
    from rushes.mock.jobs import MockJob, Standing


@dataclass(slots=True)
class Prompt:
    """One accepted graph. A twin of an earlier one is served from the cache: the same file."""

    id: str
    number: int
    graph: dict[str, Any]
    job: MockJob
    client_id: str | None = None
    """Whose websocket hears of it."""
    is_twin: bool = False
    is_interrupted: bool = False


def last_message(prompt: Prompt, standing: Standing) -> list[Any]:
    """Return the last of what is told of a job that has ended: its kind and its data."""
    node_id, kind = node_of(prompt.graph, "KSampler", "KSamplerAdvanced")
    where = {"prompt_id": prompt.id, "node_id": node_id, "node_type": kind, "executed": ["1"]}
    if prompt.is_interrupted:
        return ["execution_interrupted", where]
    if standing.reason is None:
        return ["execution_success", {"prompt_id": prompt.id}]
    told = {
        "exception_message": f"{standing.reason}\n at /opt/comfy/ComfyUI/nodes.py",
        "exception_type": "torch.OutOfMemoryError",
        "traceback": ['  File "/opt/comfy/ComfyUI/execution.py", line 518, in execute\n'],
    }
    return ["execution_error", where | told]
