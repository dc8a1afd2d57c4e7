"""A backend whose secrets stand in files: a changed file is in use from the next call on."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from rushes.backends import BackendConfig, load_backend
from rushes.errors import RushesError
from rushes.watched import state_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from rushes.ports import VideoBackend
    from rushes.watched import State

logger = logging.getLogger(__name__)


def following(files: Sequence[Path], read: Callable[[], BackendConfig]) -> VideoBackend:
    """Return the backend that `read` configures, made anew whenever a file of its changes.

    Raises what `read` and `load_backend` raise.
    """
    if not files:
        return load_backend(read())
    return cast("VideoBackend", _Rotating(files, read))


class _Rotating:
    """Has every attribute of the backend as it is configured now.

    Calls under way end with the secrets that they began with. What was a secret stays hidden. A
    file that cannot be used, or not yet, changes nothing.
    """

    def __init__(self, files: Sequence[Path], read: Callable[[], BackendConfig]) -> None:
        self._files = tuple(files)
        self._read = read
        self._seen = self._look()
        self._config = read()
        self._all = [load_backend(self._config)]

    @property  # type: ignore[misc] # object has it writable
    def __class__(self) -> type:
        """Pass for the backend of the moment where somebody asks for its kind."""
        return type(self._all[-1])

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever a backend has
        if self._look() != self._seen:
            self._renew()
        return getattr(self._all[-1], name)

    async def aclose(self) -> None:
        """Close what is open, of former ones too."""
        for backend in self._all:
            await backend.aclose()

    def _renew(self) -> None:
        self._seen = self._look()
        try:
            config = replace(self._read(), former=self._config.secrets)
            renewed = load_backend(config)
        except RushesError as error:
            logger.error("%s keeps its old secrets: %s", self._config.name, error)  # noqa: TRY400
            return
        self._config = config
        self._all.append(renewed)
        logger.info("%s has new secrets", config.name)

    def _look(self) -> list[State]:
        return [state_of(file) for file in self._files]
