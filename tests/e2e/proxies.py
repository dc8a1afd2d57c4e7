"""Starts real proxies with the very files in `deploy/`, adapted to this machine by a few words."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sysconfig
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e.servers import Program, wait_for

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.e2e.servers import Programs

ROOT = Path(__file__).parents[2]
PASSWORD = "correct horse battery"
# Made with the least costs that argon2id allows, so that tests wait for nothing.
PASSWORD_HASH = (
    "$argon2id$v=19$m=8,t=1,p=1$MKi02ei71npOdEpP5vdcXA$DdGf7X3xMVWlXgXDMOrY15Wo/I+IP8Ruh2/ctYXtQM0"
)

Words = dict[str, str]
"""What a line of a shipped file becomes; each must be there exactly once."""


class Layout(StrEnum):
    """Where the site is, and what the proxy makes of its prefix."""

    KEPT = "kept"
    """The files as they are shipped."""
    STRIPPED = "stripped"
    ROOT = "root"
    DEEP = "two segments"
    FOUR_LINES = "four lines"
    """The block in docs/hosting.md."""

    @property
    def prefix(self) -> str:
        """Return where people find the site."""
        return {Layout.ROOT: "", Layout.DEEP: "/media/video"}.get(self, "/video")


@dataclass(frozen=True)
class Certificate:
    """A certificate for localhost: with its key apart, and both in one file."""

    cert: Path
    key: Path
    both: Path


@dataclass(frozen=True)
class Place:
    """What this machine has in the stead of a shipped file's addresses."""

    port: int
    site: str
    """`host:port`"""
    certificate: Certificate


@dataclass(frozen=True)
class Shipped:
    """A file of `deploy/`, and how it is made to fit: `{port}` and `{folder}` are filled in."""

    path: str
    words: Words

    @property
    def name(self) -> str:
        return Path(self.path).name

    def text(self) -> str:
        return (ROOT / "deploy" / self.path).read_text()


@dataclass(frozen=True)
class Proxy:
    """One kind of proxy: its program, its files, and what its file says must be changed for what.

    The program is told its main file; where we ship but a part, that includes the part.
    """

    program: str
    arguments: str
    site: Shipped
    main: Shipped | str
    layouts: Mapping[Layout, Words]


NGINX = Proxy(
    program="nginx",
    arguments="-p {folder} -c {folder}/main.conf",
    site=Shipped("nginx.conf", {"listen 443 ssl": "listen 127.0.0.1:{port} ssl"}),
    # One process, so that its end is the end of all; compression worse than any distribution's own.
    main="""
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr warn;
events { worker_connections 64; }
http {
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    gzip on; gzip_types *; gzip_min_length 1;
    include {folder}/nginx.conf;
}
""",
    layouts={
        Layout.KEPT: {},
        Layout.STRIPPED: {"proxy_pass http://rushes;": "proxy_pass http://rushes/;"},
        Layout.ROOT: {
            "    location = /video { return 308 /video/; }\n": "",
            "    location /video/ {": "    location / {",
        },
        Layout.DEEP: {},
    },
)

CADDY = Proxy(
    program="caddy",
    arguments="run --config {folder}/main.conf --adapter caddyfile",
    site=Shipped(
        "Caddyfile",
        {"\nexample.org {": "\nhttps://localhost:{port} {\n\tbind 127.0.0.1\n\ttls {cert} {key}"},
    ),
    main="""
{
	admin off
	auto_https off
	persist_config off
}
import {folder}/Caddyfile
""",
    layouts={
        Layout.KEPT: {},
        Layout.STRIPPED: {"\thandle /video/* {": "\thandle_path /video/* {"},
        Layout.ROOT: {"\tredir /video /video/ 308\n": "", "\thandle /video/* {": "\thandle {"},
        Layout.DEEP: {},
        Layout.FOUR_LINES: {},
    },
)

APACHE = Proxy(
    program="apache2",
    arguments="-X -f {folder}/main.conf",
    site=Shipped("apache.conf", {"<VirtualHost *:443>": "<VirtualHost 127.0.0.1:{port}>"}),
    # With -X it is one process. Compression, and modules that nobody needs to enable, as in Debian.
    main="""
ServerName localhost
PidFile {folder}/apache.pid
DefaultRuntimeDir {folder}
ErrorLog /dev/stderr
User www-data
Group www-data
Listen 127.0.0.1:{port}
Define modules /usr/lib/apache2/modules
LoadModule mpm_event_module ${modules}/mod_mpm_event.so
LoadModule authz_core_module ${modules}/mod_authz_core.so
LoadModule reqtimeout_module ${modules}/mod_reqtimeout.so
LoadModule filter_module ${modules}/mod_filter.so
LoadModule deflate_module ${modules}/mod_deflate.so
LoadModule proxy_module ${modules}/mod_proxy.so
{enabled}
AddOutputFilterByType DEFLATE text/html text/plain text/css text/javascript application/json
Include {folder}/apache.conf
""",
    layouts={
        Layout.KEPT: {},
        Layout.STRIPPED: {"/video/ http://127.0.0.1:8000/video/": "/video/ http://127.0.0.1:8000/"},
        Layout.ROOT: {
            "    RedirectMatch 308 ^/video$ /video/\n": "",
            "ProxyPass /video/ http://127.0.0.1:8000/video/": "ProxyPass / http://127.0.0.1:8000/",
        },
        Layout.DEEP: {},
    },
)

HAPROXY = Proxy(
    program="haproxy",
    arguments="-db -f {folder}/haproxy.cfg",
    site=Shipped("haproxy.cfg", {"bind :443 ssl": "bind 127.0.0.1:{port} ssl"}),
    main="",
    layouts={
        Layout.KEPT: {},
        Layout.STRIPPED: {"# http-request replace-path": "http-request replace-path"},
        Layout.ROOT: {
            "    http-request redirect code 308 location /video/ if { path /video }\n": "",
            "use_backend rushes if { path_beg /video/ }": "default_backend rushes",
        },
        Layout.DEEP: {},
    },
)

TRAEFIK = Proxy(
    program="traefik",
    arguments="--configFile={folder}/traefik.yml",
    site=Shipped("traefik/rushes.yml", {}),
    main=Shipped(
        "traefik/traefik.yml",
        {
            '":443"': '"127.0.0.1:{port}"',
            "    directory: /etc/traefik/dynamic": "    filename: {folder}/rushes.yml",
        },
    ),
    layouts={
        Layout.KEPT: {},
        Layout.STRIPPED: {"[nobody, again]": "[nobody, again, strip]"},
        Layout.ROOT: {
            """\
    bare:
      rule: Host(`example.org`) && Path(`/video`)
      entryPoints: [websecure]
      tls: {}
      middlewares: [slash]
      service: noop@internal
""": "",
            " && PathPrefix(`/video/`)": "",
        },
        Layout.DEEP: {},
    },
)

PROXIES = {
    "nginx": NGINX,
    "caddy": CADDY,
    "apache": APACHE,
    "haproxy": HAPROXY,
    "traefik": TRAEFIK,
}


@dataclass(frozen=True)
class Prepared:
    """A proxy whose files are written."""

    command: list[str]
    folder: Path
    port: int

    def start(self, programs: Programs) -> Program:
        """Start it and wait until it listens."""
        log = self.folder / "proxy.log"
        with log.open("ab") as output:
            process = subprocess.Popen(
                self.command,
                env={"PATH": os.environ["PATH"], "HOME": str(self.folder)},
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
            )
        proxy = Program(process, log)
        programs.started.append(proxy)

        def listens() -> bool:
            assert process.poll() is None, proxy.printed()
            with socket.socket() as caller:
                return caller.connect_ex(("127.0.0.1", self.port)) == 0

        wait_for(listens, at_most=20)
        return proxy


def prepare(proxy: Proxy, layout: Layout, place: Place, folder: Path, changes: Words) -> Prepared:
    """Write a proxy's files into a new folder; `changes` are made to the site's file besides."""
    program = program_of(proxy.program)
    folder.mkdir()
    text = four_lines() if layout is Layout.FOUR_LINES else proxy.site.text()
    given = {
        "{folder}": str(folder),
        "{port}": str(place.port),
        "{cert}": str(place.certificate.cert),
        "{key}": str(place.certificate.key),
        "{enabled}": enabled(text),
    }
    text = adapted(text, proxy.site.words | proxy.layouts[layout] | changes)
    text = replaced(text, {"/video": layout.prefix} if layout.prefix else {})
    (folder / proxy.site.name).write_text(replaced(text, addresses(place) | given))
    if isinstance(proxy.main, Shipped):
        main = adapted(proxy.main.text(), proxy.main.words)
        (folder / proxy.main.name).write_text(replaced(main, given))
    else:
        (folder / "main.conf").write_text(replaced(proxy.main, given))
    return Prepared([program, *replaced(proxy.arguments, given).split()], folder, place.port)


def addresses(place: Place) -> Words:
    """Return what stands for the addresses and files that every shipped file names."""
    return {
        "127.0.0.1:8000": place.site,
        "/etc/ssl/example.org.pem": str(place.certificate.cert),
        "/etc/ssl/example.org.key": str(place.certificate.key),
        "/etc/ssl/example.org.both.pem": str(place.certificate.both),
        "example.org": "localhost",
    }


def four_lines() -> str:
    """Return the four lines that docs/hosting.md promises to be enough."""
    (block,) = re.findall(r"```caddyfile(\n.*?)```", (ROOT / "docs/hosting.md").read_text(), re.S)
    assert len(block.strip().splitlines()) == 4
    return str(block)


def enabled(text: str) -> str:
    """Return the lines of Debian's `a2enmod` for the modules that a file says it needs."""
    (words,) = re.findall(r"a2enmod ([\w ]+)", text) or [""]
    modules = sorted(words.split())
    return "\n".join(f"LoadModule {name}_module ${{modules}}/mod_{name}.so" for name in modules)


def adapted(text: str, words: Words) -> str:
    """Return a shipped file with a few words changed, each of them found exactly once."""
    for old, new in words.items():
        assert text.count(old) == 1, f"{old!r} is there {text.count(old)} times"
        text = text.replace(old, new)
    return text


def replaced(text: str, words: Words) -> str:
    """Return a text with words changed wherever they are."""
    for old, new in words.items():
        text = text.replace(old, new)
    return text


def program_of(name: str) -> str:
    """Return a proxy's program; under CI its absence is a failure."""
    here = sysconfig.get_path("scripts")
    found = shutil.which(name, path=os.pathsep.join([here, os.environ["PATH"], "/usr/sbin"]))
    if found is None:
        if os.environ.get("CI"):
            pytest.fail(f"{name} is missing; .ci/run installs it")
        pytest.skip(f"{name} is not installed")
    return found


def certificate(folder: Path) -> Certificate:
    """Make a certificate for localhost and its key."""
    made = Certificate(folder / "cert.pem", folder / "key.pem", folder / "both.pem")
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    files = ["-keyout", str(made.key), "-out", str(made.cert)]
    command = [program_of("openssl"), "req", "-x509", *kind, *names, *files]
    subprocess.run(command, check=True, capture_output=True)
    made.both.write_text(made.cert.read_text() + made.key.read_text())
    return made
