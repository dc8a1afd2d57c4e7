"""The composition root: settings become adapters, a service, a worker and a site.

Only this module knows every part by name.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from rushes.backends import BackendConfig, load_backend
from rushes.backends_file import read_backends
from rushes.domain import Limits, utc_now
from rushes.errors import NotConfigured
from rushes.jobs.directory import ConfiguredBackend, Directory
from rushes.jobs.housekeeping import Housekeeping
from rushes.jobs.service import JobService
from rushes.jobs.worker import Worker
from rushes.net import Secret
from rushes.settings import BadSetting, load_settings
from rushes.storage.local_clips import LocalClips
from rushes.storage.sql_jobs import SqlJobs
from rushes.web.dependencies import LOOPBACK_HOSTS, Site, WebConfig
from rushes.web.door import Door
from rushes.web.prefix import Addresses, PublicAddress
from rushes.web.rendering import Renderer, folder
from rushes.web.site import create_site
from rushes.web.static import digest_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from fastapi import FastAPI

    from rushes.backends_file import BackendTable
    from rushes.settings import Settings

DATABASE = "rushes.db"
CLIPS = "clips"


@dataclass(slots=True)
class Rushes:
    """One running server's parts. `stop` ends streams and the worker; the site ends itself."""

    settings: Settings
    directory: Directory
    store: SqlJobs
    clips: LocalClips
    service: JobService
    worker: Worker
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Hold the data folder and carry jobs while the context is open. Raises StorageError."""
        await self.store.open()
        await self.clips.prepare()
        housekeeping = Housekeeping(self.store, self.clips, utc_now)
        await self.clips.sweep(await housekeeping.arriving_keys())
        work = asyncio.create_task(self.worker.run(self.stop), name="worker")
        try:
            yield
        finally:
            self.stop.set()
            await work
            for configured in self.directory.all():
                await configured.backend.aclose()
            await self.store.close()


def build(settings: Settings, *, rehearsal: bool = False) -> Rushes:
    """Make the parts; nothing is opened and nobody is called yet. Raises BadSetting."""
    directory = Directory.of(configured_backends(settings, rehearsal=rehearsal))
    store = SqlJobs(settings.data_dir / DATABASE, utc_now)
    clips = LocalClips(settings.data_dir / CLIPS)
    limits = Limits(settings.max_queued, settings.max_queued_per_person)
    service = JobService(store, clips, directory, limits)
    worker = Worker(store, clips, directory)
    return Rushes(settings, directory, store, clips, service, worker)


def configured_backends(settings: Settings, *, rehearsal: bool = False) -> list[ConfiguredBackend]:
    """Make the backends that the settings name, the default first; raises BadSetting."""
    if settings.backends_file is not None:
        return _from_file(settings, settings.backends_file)
    return [_from_environment(settings, rehearsal=rehearsal)]


def _from_file(settings: Settings, path: Path) -> list[ConfiguredBackend]:
    tables = read_backends(path)
    configured = [_from_table(settings, name, table, path) for name, table in tables.items()]
    for table in tables.values():
        settings.forget(table.variables())
    return configured


def _from_table(
    settings: Settings, name: str, table: BackendTable, path: Path
) -> ConfiguredBackend:
    try:
        backend = load_backend(table.config(settings, path, name))
    except (NotConfigured, BadSetting) as error:
        raise BadSetting(f"{path}: {name}: {error}") from error
    return ConfiguredBackend(
        id=name,
        name=table.label,
        host=table.host,
        backend=backend,
        slots=table.concurrency,
        rate=table.rate,
        deadline=table.deadline_span,
        held=table.hold,
        overrides=table.overrides(),
        defaults=table.defaults.model_dump(exclude_none=True),
        prices=table.prices(),
    )


def _from_environment(settings: Settings, *, rehearsal: bool) -> ConfiguredBackend:
    """Make the one backend of the environment; its id is its host, whatever it is called."""
    if settings.backend_url is None:
        raise BadSetting(
            "RUSHES_BACKEND_URL is not set: point it at your video service, "
            "or run `rushes demo` to try everything with the rehearsal backend"
        )
    host, key = urlsplit(settings.backend_url).netloc, settings.key()
    config = BackendConfig(
        name=settings.backend_name or host,
        url=settings.backend_url,
        key=Secret(key) if key else None,
        profile=settings.backend_profile,
        profiles_dir=settings.profiles_dir,
        models=settings.backend_models,
        headers=_secrets(settings.headers()),
        cookies=_secrets(settings.cookies()),
        result_hosts=settings.backend_result_hosts,
        max_clip_bytes=settings.max_clip_mb * 1_000_000,
    )
    return ConfiguredBackend(
        id=host,
        name=config.name,
        host=host,
        backend=load_backend(config),
        slots=settings.backend_concurrency,
        deadline=settings.deadline,
        rehearsal=rehearsal,
    )


def _secrets(values: Mapping[str, str]) -> dict[str, Secret]:
    return {name: Secret(value) for name, value in values.items()}


def site_for(rushes: Rushes, *, starts_parts: bool = False) -> FastAPI:
    """Return the site over a server's parts, which it starts and stops itself if asked to.

    Raises BadSetting.
    """
    settings, static = rushes.settings, folder("static")
    public = _public_address(settings)
    rehearsal = any(backend.rehearsal for backend in rushes.directory.all())
    config = WebConfig(
        static=static,
        public=public,
        allowed_hosts=_allowed_hosts(settings, public),
        rehearsal=rehearsal,
        about=settings.about(),
        language=settings.language,
        trusted_proxies=settings.trusted_proxies,
    )
    addresses = Addresses(public.prefix, digest_of(static))
    renderer = Renderer(
        templates=folder("templates"),
        locales=folder("locales"),
        addresses=addresses,
        default_language=settings.language,
        rehearsal=rehearsal,
        directory=rushes.directory,
    )
    door = _door(settings, rushes.store)
    site = Site(config, addresses, rushes.service, rushes.clips, renderer, rushes.stop, door)
    return create_site(site, lifespan=(lambda _: rushes.running()) if starts_parts else None)


def _door(settings: Settings, store: SqlJobs) -> Door | None:
    """Return where people sign in, if they have to; raises BadSetting."""
    if settings.auth == "open":
        return None
    # Loaded only here and by `rushes password`: in open mode nothing is ever hashed.
    passwords = import_module("rushes.web.passwords")
    hashed = settings.hashed_password()
    try:
        password = passwords.SharedPassword(hashed)
    except ValueError as error:
        name = "RUSHES_PASSWORD_FILE" if settings.password_file else "RUSHES_PASSWORD_HASH"
        raise BadSetting(
            f"{name} holds no argon2id hash: put there what `rushes password` prints, "
            "never the password itself"
        ) from error
    return Door(store.sessions(), password.is_right, hashed, utc_now)


def _public_address(settings: Settings) -> PublicAddress:
    try:
        return PublicAddress.parse(settings.public_url)
    except ValueError as error:
        raise BadSetting(f"RUSHES_PUBLIC_URL: {error}") from error


def _allowed_hosts(settings: Settings, public: PublicAddress) -> frozenset[str]:
    named = {name.lower() for name in (settings.host, *settings.allowed_hosts, public.host) if name}
    return LOOPBACK_HOSTS | named


def site() -> FastAPI:
    """Return the site as the settings have it, for servers that take an application factory."""
    settings = load_settings()
    settings.require_safe_bind()
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    return site_for(build(settings), starts_parts=True)
