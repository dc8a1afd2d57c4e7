"""A setting that not every model has, and the values that one takes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal

TEXT_MAX = 2_500
EXACT_MAX = 2**53
"""Beyond this a whole number may become another one on its way as JSON."""
SETTING_NAME = r"^[A-Za-z0-9_-]{1,40}$"
"""What a setting may be called."""


@dataclass(frozen=True, slots=True)
class Setting:
    """Which values a model takes: of one type, among `choices` where there are any."""

    type: Literal["number", "integer", "boolean", "text"] = "number"
    min: float | None = None
    max: float | None = None
    choices: tuple[float | str, ...] = ()

    def takes(self, value: object) -> bool:
        """Whether this may be its value."""
        if isinstance(value, bool) or self.type == "boolean":
            fits = self.type == "boolean" and isinstance(value, bool)
            return fits and (not self.choices or value in self.choices)
        if isinstance(value, str) or self.type == "text":
            fits = isinstance(value, str) and len(value) <= TEXT_MAX and "\0" not in value
            return self.type == "text" and fits and (not self.choices or value in self.choices)
        if not isinstance(value, int | float) or not abs(value) <= EXACT_MAX:
            return False
        if self.type == "integer" and not isinstance(value, int):
            return False
        return value in self.choices if self.choices else self._is_between(value)

    def _is_between(self, value: float) -> bool:
        above = self.min is None or value >= self.min
        return above and (self.max is None or value <= self.max)

    @property
    def values(self) -> tuple[str, ...]:
        """What may be chosen, as a program would write it: choices, bounds, or the type alone."""
        if self.choices:
            return tuple(c if isinstance(c, str) else _written(c) for c in self.choices)
        if self.type == "boolean":
            return ("true", "false")
        least = "" if self.min is None else f"≥ {_written(self.min)}"
        most = "" if self.max is None else f"≤ {_written(self.max)}"
        return (" ".join(filter(None, [self.type, least, most])),)


def _written(value: float) -> str:
    """Return a number, or yes and no, as JSON has it, without a fraction that is zero."""
    return json.dumps(value).removesuffix(".0")
