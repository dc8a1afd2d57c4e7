"""The composition root: settings become adapters, a service, a worker and a site.

Only this module knows every part by name.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from secrets import token_urlsafe
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from rushes.backends import BackendConfig
from rushes.backends.overview import evidence_of
from rushes.backends.rotating import following
from rushes.backends.speaking import Speaker
from rushes.backends_file import read_backends, refuse, require_fitting, told, told_by_settings
from rushes.control import listening
from rushes.counts import Counts
from rushes.domain import Limits, utc_now
from rushes.entrance import Entrance, entrance_of
from rushes.errors import NotConfigured
from rushes.jobs.directory import ConfiguredBackend, Directory
from rushes.jobs.housekeeping import Housekeeping
from rushes.jobs.operating import OperatorService
from rushes.jobs.oversight import Oversight
from rushes.jobs.service import JobService
from rushes.jobs.sharing import Sharing
from rushes.jobs.worker import Worker
from rushes.net import Secret
from rushes.precautions import require_safe
from rushes.settings import BadSetting, load_settings
from rushes.storage.disk import DataFolder
from rushes.storage.local_clips import LocalClips
from rushes.storage.sql_jobs import SqlJobs
from rushes.web.dependencies import LOOPBACK_HOSTS, SettingLine, Site, WebConfig
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
DOCTOR_KEY = "doctor.key"


@dataclass(slots=True)
class Rushes:
    """One running server's parts. `stop` ends streams and the worker; the site ends itself."""

    settings: Settings
    directory: Directory
    store: SqlJobs
    clips: LocalClips
    service: JobService
    worker: Worker
    entrance: Entrance
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    doctor_key: str = field(default_factory=token_urlsafe)
    counts: Counts = field(default_factory=Counts)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Hold the data folder and carry jobs while the context is open. Raises StorageError."""
        await self.store.open()
        self.directory.apply(await self.store.operators().holds())
        await self.clips.prepare()
        housekeeping = Housekeeping(self.store, self.clips, self.directory, utc_now)
        await self.clips.sweep(await housekeeping.arriving_keys())
        await housekeeping.sweep_pictures()
        key_file = self._keep_doctor_key()
        work = asyncio.create_task(self.worker.run(self.stop), name="worker")
        try:
            await self.entrance.begin()
            commands = listening(self.settings.data_dir, self.entrance.commands)
            async with commands, self.entrance.watched():
                yield
        finally:
            self.stop.set()
            await work
            key_file.unlink(missing_ok=True)
            for configured in self.directory.all():
                await configured.backend.aclose()
            await self.store.close()

    def _keep_doctor_key(self) -> Path:
        file = self.settings.data_dir / DOCTOR_KEY
        file.unlink(missing_ok=True)
        file.touch(mode=0o600)
        file.write_text(self.doctor_key, encoding="ascii")
        return file


def build(settings: Settings, *, rehearsal: bool = False) -> Rushes:
    """Make the parts; nothing is opened and nobody is called yet. Raises BadSetting."""
    directory = Directory.of(configured_backends(settings, rehearsal=rehearsal))
    counts = Counts()
    store = SqlJobs(settings.data_dir / DATABASE, utc_now, counts=counts)
    clips = LocalClips(settings.data_dir / CLIPS)
    limits = Limits(
        queued_total=settings.max_queued,
        queued_per_owner=settings.max_queued_per_person,
        daily_total=settings.max_daily,
        daily_per_owner=settings.max_daily_per_person,
        running_total=settings.max_running,
        running_per_owner=settings.max_running_per_person,
    )
    service = JobService(store, clips, directory, limits)
    worker = Worker(
        store,
        clips,
        directory,
        limits=limits,
        forget=(store.shares().forget, store.accounts().forget_tokens),
    )
    entrance = entrance_of(settings, store)
    return Rushes(settings, directory, store, clips, service, worker, entrance, counts=counts)


async def run_command(settings: Settings, command: str, values: Mapping[str, str]) -> list[str]:
    """Do what a command says without a server; raises RushesError."""
    store = SqlJobs(settings.data_dir / DATABASE, utc_now)
    await store.open()
    try:
        return await entrance_of(settings, store).commands[command](values)
    finally:
        await store.close()


def configured_backends(settings: Settings, *, rehearsal: bool = False) -> list[ConfiguredBackend]:
    """Make the backends that the settings name, the default first; raises BadSetting."""
    if settings.backends_file is not None:
        return _from_file(settings, settings.backends_file)
    try:
        return [_from_environment(settings, rehearsal=rehearsal)]
    except NotConfigured as error:
        raise BadSetting("\n".join(told_by_settings(error))) from error


def _from_file(settings: Settings, path: Path) -> list[ConfiguredBackend]:
    tables = read_backends(path)
    configured, wrong = [], []
    for name, table in tables.items():
        try:
            configured.append(_from_table(settings, name, table, path))
        except NotConfigured as error:
            wrong += told(error, name, path)
    refuse(wrong)
    for table in tables.values():
        settings.forget(table.variables())
    return configured


def _from_table(
    settings: Settings, name: str, table: BackendTable, path: Path
) -> ConfiguredBackend:
    config = table.config(settings, path, name)
    files = table.secret_files(path.parent)
    backend = following(files, lambda: table.config(settings, path, name))
    if isinstance(backend, Speaker):
        require_fitting(table, backend.profile)
    return ConfiguredBackend(
        id=name,
        name=table.label,
        host=table.host,
        backend=backend,
        slots=table.concurrency,
        rate=table.rate,
        deadline=table.deadline_span,
        held=table.hold,
        profile=config.profile,
        evidence=evidence_of(config.profile, config.profiles_dir),
        custody=backend.custody,
        finds=backend.finds,
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
    url = settings.backend_url
    config = _environment_config(settings, url)
    backend = following(settings.secret_files(), lambda: _environment_config(settings, url))
    host = urlsplit(url).netloc
    return ConfiguredBackend(
        id=host,
        name=config.name,
        host=host,
        backend=backend,
        slots=settings.backend_concurrency,
        deadline=settings.deadline,
        rehearsal=rehearsal,
        profile=config.profile,
        evidence=evidence_of(config.profile, config.profiles_dir),
        custody=backend.custody,
        finds=backend.finds,
    )


def _environment_config(settings: Settings, url: str) -> BackendConfig:
    key = settings.key()
    return BackendConfig(
        name=settings.backend_name or urlsplit(url).netloc,
        url=url,
        key=Secret(key) if key else None,
        profile=settings.backend_profile,
        profiles_dir=settings.profiles_dir,
        models=settings.backend_models,
        headers=_secrets(settings.headers()),
        cookies=_secrets(settings.cookies()),
        result_hosts=settings.backend_result_hosts,
        max_clip_bytes=settings.max_clip_mb * 1_000_000,
    )


def _secrets(values: Mapping[str, str]) -> dict[str, Secret]:
    return {name: Secret(value) for name, value in values.items()}


def site_for(rushes: Rushes, *, starts_parts: bool = False) -> FastAPI:
    """Return the site over a server's parts, which it starts and stops itself if asked to.

    Raises BadSetting.
    """
    settings = rushes.settings
    config = _web_config(rushes)
    addresses = Addresses(config.public.prefix, digest_of(config.static))
    renderer = Renderer(
        templates=folder("templates"),
        locales=folder("locales"),
        addresses=addresses,
        default_language=settings.language,
        rehearsal=config.rehearsal,
        directory=rushes.directory,
        logout_url=config.logout_url,
    )
    site = Site(
        config=config,
        addresses=addresses,
        jobs=rushes.service,
        clips=rushes.clips,
        renderer=renderer,
        stop=rushes.stop,
        sharing=Sharing(rushes.service, rushes.store.shares(), accounts=rushes.store.accounts()),
        oversight=Oversight(rushes.store, rushes.store.operators(), settings.admin_may_read),
        operators=_operators(rushes),
        counts=rushes.counts,
        door=rushes.entrance.door,
        people=rushes.entrance.people,
    )
    return create_site(site, lifespan=(lambda _: rushes.running()) if starts_parts else None)


def _web_config(rushes: Rushes) -> WebConfig:
    settings, public = rushes.settings, _public_address(rushes.settings)
    return WebConfig(
        static=folder("static"),
        public=public,
        allowed_hosts=_allowed_hosts(settings, public),
        rehearsal=any(backend.rehearsal for backend in rushes.directory.all()),
        about=settings.about(),
        security_contact=settings.security_contact,
        language=settings.language,
        logout_url=settings.logout_url or "",
        doctor_key=rushes.doctor_key,
        is_open_on_purpose=settings.allow_public_bind,
        trusted_proxies=settings.trusted_proxies,
        metrics_networks=settings.metrics_networks,
        settings=tuple(SettingLine(*told) for told in settings.told()),
    )


def _operators(rushes: Rushes) -> OperatorService:
    settings, people = rushes.settings, rushes.entrance.people
    return OperatorService(
        rushes.store,
        rushes.store.operators(),
        rushes.directory,
        DataFolder(settings.data_dir, clips=CLIPS, database=DATABASE),
        floor=2 * settings.max_clip_mb * 1_000_000,
        accounts=people.accounts if people is not None else None,
    )


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
    require_safe(settings)
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    return site_for(build(settings), starts_parts=True)
