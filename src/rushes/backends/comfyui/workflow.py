"""A ComfyUI workflow file (API format), and how a request's values come into it.

The file is parsed first and then filled: a value only ever replaces a placeholder inside a
string input of a node, so no prompt can change the graph. `"{{seed}}"` alone becomes the value
itself, a number where it is one; in a longer text its words. Filters are those of profiles:
`"{{duration_s|frames:16}}"`, `"{{width|default:832|int}}"`. `"{{first_frame}}"` is the name that
the picture has over there, for a LoadImage.
"""

from __future__ import annotations

import copy
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rushes.backends.language.grammar import REQUEST_NAMES
from rushes.backends.language.templating import TemplateError, names_in, parse_reference, render
from rushes.errors import NotConfigured, RefusedByBackend

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pydantic import JsonValue

FILE_MAX = 1024 * 1024
SEED_INPUTS = frozenset({"seed", "noise_seed"})
NAMES = REQUEST_NAMES - {"any_seed", "size", "model"}
EMPTY_IF_ABSENT = frozenset({"negative_prompt"})
_PLACEHOLDER = re.compile(r"\{\{\s*([a-z][^{}]*?)\s*\}\}")


@dataclass(frozen=True, slots=True)
class Workflow:
    """A graph with placeholders. `names` are the request fields that it has room for."""

    graph: Mapping[str, Any]
    names: frozenset[str]

    @property
    def has_seed(self) -> bool:
        """Whether a seed can be given: by placeholder, else by the inputs of that name."""
        return "seed" in self.names or any(_seed_inputs(self.graph))

    def filled(self, values: Mapping[str, Any], seed: int) -> dict[str, JsonValue]:
        """Return the graph for one job; raises RefusedByBackend where a value is missing.

        Without a placeholder for it, the seed goes to every whole number called seed: the server
        answers an unchanged graph from its cache, with the clip of another job.
        """
        graph = copy.deepcopy(dict(self.graph))
        if "seed" not in self.names:
            for inputs, name in _seed_inputs(graph):
                inputs[name] = seed
        for node_id, node in graph.items():
            try:
                node["inputs"] = _fill(node["inputs"], {**values, "seed": seed})
            except TemplateError as error:
                where = f"the workflow's {title_of(graph, node_id)}"
                raise RefusedByBackend(f"{where} cannot be filled: {error}") from error
        return graph


def load_workflow(path: Path) -> Workflow:
    """Read a workflow file; raises NotConfigured with what is wrong and what to do."""
    try:
        if path.stat().st_size > FILE_MAX:
            raise NotConfigured(f"the workflow {path.name} is larger than 1 MiB")
        graph = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise NotConfigured(f"the workflow cannot be read: {error}") from error
    except (ValueError, RecursionError) as error:
        raise NotConfigured(f"the workflow {path.name} is not JSON: {error}") from error
    return read_workflow(graph)


def read_workflow(graph: JsonValue) -> Workflow:
    """Check a parsed workflow; raises NotConfigured."""
    if isinstance(graph, dict) and isinstance(graph.get("nodes"), list):
        raise NotConfigured("the workflow is in the editor's format: save it by “Export (API)”")
    if not isinstance(graph, dict) or not graph or not all(map(_is_node, graph.values())):
        raise NotConfigured("the workflow is no table of nodes with class_type and inputs")
    names: set[str] = set()
    for node_id, node in graph.items():
        try:
            names.update(*map(_names, _strings(_inputs(node))))
        except TemplateError as error:
            where = title_of(graph, node_id)
            raise NotConfigured(f"a placeholder in the workflow's {where}: {error}") from error
    if "prompt" not in names:
        raise NotConfigured("the workflow has no {{prompt}}: put it into the text of a node")
    return Workflow(graph, frozenset(names))


def title_of(graph: Mapping[str, Any], node_id: object) -> str:
    """Return how a person knows a node: its title and number."""
    node = graph.get(str(node_id))
    found = node if isinstance(node, dict) else {}
    meta = found.get("_meta")
    title = meta.get("title") if isinstance(meta, dict) else None
    return f"{title or found.get('class_type') or 'node'} (node {node_id})"


def _is_node(node: JsonValue) -> bool:
    is_typed = isinstance(node, dict) and isinstance(node.get("class_type"), str)
    return is_typed and isinstance(_inputs(node), dict)


def _inputs(node: JsonValue) -> JsonValue:
    return node.get("inputs") if isinstance(node, dict) else None


def _strings(value: JsonValue) -> Iterator[str]:
    """Yield the strings in which placeholders may stand; a list is a link to another node."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _strings(part)


def _names(text: str) -> list[str]:
    found = [name for match in _PLACEHOLDER.finditer(text) for name in names_in(f"={match[1]}")]
    for name in found:
        if name not in NAMES and not name.startswith("extra."):
            raise TemplateError(f"{{{{{name}}}}} is no field; there are {', '.join(sorted(NAMES))}")
    return found


def _fill(value: Any, values: Mapping[str, Any]) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, dict):
        return {key: _fill(part, values) for key, part in value.items()}
    if not isinstance(value, str):
        return value
    alone = _PLACEHOLDER.fullmatch(value)
    if alone is not None:
        return _value(alone[1], values)
    return _PLACEHOLDER.sub(lambda match: _words(_value(match[1], values)), value)


def _value(placeholder: str, values: Mapping[str, Any]) -> Any:  # noqa: ANN401 - any JSON
    reference = f"={placeholder}"
    made = render({"value": reference}, values, {})
    if isinstance(made, dict) and "value" in made:
        return made["value"]
    found = parse_reference(reference)
    if found is not None and EMPTY_IF_ABSENT.issuperset(found.names):
        return ""
    raise TemplateError(f"no value for {{{{{placeholder}}}}}: ask for one, or write |default:…")


def _words(value: JsonValue) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _seed_inputs(graph: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    for node in graph.values():
        for name, value in node["inputs"].items():
            if name in SEED_INPUTS and isinstance(value, int) and not isinstance(value, bool):
                yield node["inputs"], name
