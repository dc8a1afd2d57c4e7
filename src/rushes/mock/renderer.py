"""Clips on demand: rendered in other processes, each spec once, kept on disk up to a size."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING, Self

from rushes.mock.rendering import render

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from pathlib import Path
    from types import TracebackType

    from rushes.mock.spec import ClipSpec


class Renderer:
    """A cache of clips in a folder. Least recently wanted clips go when `capacity` is passed.

    Used as an asynchronous context: leaving it ends the worker processes, and so does the death
    of this process, however it comes.
    """

    def __init__(self, folder: Path, *, capacity: int, workers: int) -> None:
        self._folder = folder
        self._capacity = capacity
        self._workers = workers
        self._renderings: dict[str, asyncio.Task[Path]] = {}
        self.rendered = 0
        """How many clips were really rendered, not found."""

    async def __aenter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        for leftover in self._folder.glob("*.part"):
            leftover.unlink()
        self._open_pool()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for rendering in self._renderings.values():
            rendering.cancel()
        await asyncio.gather(*self._renderings.values(), return_exceptions=True)
        self._close_pool()

    async def clip(self, spec: ClipSpec) -> Path:
        """Return the clip's file, rendered now unless it is here. Callers at once share the work.

        Raises BrokenProcessPool when the workers die twice in a row over it.
        """
        path = self._folder / f"{spec.digest}.mp4"
        if path.exists():
            _touch(path)
            return path
        rendering = self._renderings.get(spec.digest)
        if rendering is None:
            rendering = asyncio.create_task(self._render(spec, path))
            self._renderings[spec.digest] = rendering
            rendering.add_done_callback(lambda _: self._renderings.pop(spec.digest))
        return await asyncio.shield(rendering)

    async def _render(self, spec: ClipSpec, path: Path) -> Path:
        draft = path.with_suffix(".part")
        try:
            await self._in_worker(spec, draft)
        except BrokenProcessPool:
            self._close_pool()
            self._open_pool()
            await self._in_worker(spec, draft)
        draft.replace(path)
        self.rendered += 1
        self._make_room(path)
        return path

    async def _in_worker(self, spec: ClipSpec, draft: Path) -> None:
        await asyncio.get_running_loop().run_in_executor(self._pool, render, spec, draft)

    def _open_pool(self) -> None:
        context = multiprocessing.get_context("spawn")
        watched, self._lifeline = context.Pipe(duplex=False)
        self._pool = ProcessPoolExecutor(
            self._workers, mp_context=context, initializer=_live_with, initargs=(watched,)
        )

    def _close_pool(self) -> None:
        self._lifeline.close()
        self._pool.shutdown(cancel_futures=True)

    def _make_room(self, newest: Path) -> None:
        clips = sorted(self._folder.glob("*.mp4"), key=lambda clip: clip.stat().st_atime_ns)
        too_much = sum(clip.stat().st_size for clip in clips) - self._capacity
        for clip in clips:
            if too_much <= 0:
                return
            if clip != newest:
                too_much -= clip.stat().st_size
                clip.unlink()


def _touch(clip: Path) -> None:
    """Note the use in the access time alone: the ETag is made of the other one."""
    os.utime(clip, ns=(time.time_ns(), clip.stat().st_mtime_ns))


def _live_with(parent: Connection) -> None:
    """Tie a worker's life to its parent's: nothing else ends one whose parent was killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: Connection) -> None:
    try:
        parent.recv_bytes()
    except EOFError:
        os._exit(0)
