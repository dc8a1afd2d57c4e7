"""Starts real proxies with the very files in `deploy/`, adapted to this machine by a few words."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sysconfig
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.e2e.servers import Program, wait_for

if TYPE_CHECKING:
    import ssl
    from collections.abc import Generator

    from tests.e2e.servers import Programs

ROOT = Path(__file__).parents[2]
PASSWORD = "correct horse battery"
# Made with the least costs that argon2id allows, so that tests wait for nothing.
PASSWORD_HASH = (
    "$argon2id$v=19$m=8,t=1,p=1$MKi02ei71npOdEpP5vdcXA$DdGf7X3xMVWlXgXDMOrY15Wo/I+IP8Ruh2/ctYXtQM0"
)
AS_DEPLOYED = "kept"
FOUR_LINES = "four lines"
"""The block in docs/hosting.md."""

NGINX_AROUND = """
daemon off;
master_process off;  # one process, so that its end is the end of all
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    gzip on; gzip_types *; gzip_min_length 1;  # worse than any distribution's own
    include {folder}/rushes.conf;
}}
"""
CADDY_AROUND = """
{{
	admin off
	auto_https off
	persist_config off
}}
import {folder}/rushes.conf
"""

Words = dict[str, str]
"""What a line of a shipped file becomes; each must be there exactly once."""

NGINX: dict[str, Words] = {
    AS_DEPLOYED: {},
    "stripped": {"proxy_pass http://rushes;": "proxy_pass http://rushes/;"},
    "root": {
        "    location = /video { return 308 /video/; }\n": "",
        "    location /video/ {": "    location / {",
    },
}
CADDY: dict[str, Words] = {
    AS_DEPLOYED: {},
    "stripped": {"\thandle /video/* {": "\thandle_path /video/* {"},
    "root": {"\tredir /video /video/ 308\n": "", "\thandle /video/* {": "\thandle {"},
    FOUR_LINES: {},
}


@dataclass
class Front:
    """The site as it is seen through a proxy."""

    origin: str
    prefix: str
    site: Program
    trust: ssl.SSLContext

    def address(self, path: str) -> str:
        """Return a path of the site as people type it."""
        return f"{self.origin}{self.prefix}{path}"

    def client(self) -> httpx.Client:
        """Return somebody who has not signed in yet."""
        headers = {"Origin": self.origin, "Accept": "text/html,*/*"}
        return httpx.Client(verify=self.trust, timeout=15, headers=headers)

    @contextmanager
    def signed_in(self) -> Generator[httpx.Client]:
        """Be somebody who has."""
        with self.client() as client:
            entered = client.post(self.address("/login"), data={"password": PASSWORD})
            assert entered.status_code == 303, entered.text
            yield client


def program_of(name: str) -> str:
    """Return a proxy's program; under CI its absence is a failure."""
    here = sysconfig.get_path("scripts")
    found = shutil.which(name, path=os.pathsep.join([here, os.environ["PATH"], "/usr/sbin"]))
    if found is None:
        if os.environ.get("CI"):
            pytest.fail(f"{name} is missing; .ci/run installs it")
        pytest.skip(f"{name} is not installed")
    return found


def certificate(folder: Path) -> tuple[Path, Path]:
    """Make a certificate for localhost and its key."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    files = ["-keyout", str(key), "-out", str(cert)]
    command = [program_of("openssl"), "req", "-x509", *kind, *names, *files]
    subprocess.run(command, check=True, capture_output=True)
    return cert, key


def free_port() -> int:
    """Return a port that nobody holds at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as holder:
        return int(holder.getsockname()[1])


def start_proxy(
    programs: Programs, name: str, variant: str, app: str, cert: Path, key: Path
) -> str:
    """Start nginx or Caddy before the site at `app` (host:port); return its origin."""
    folder, port = programs.folder / "proxy", free_port()
    folder.mkdir()
    program = program_of(name)
    if name == "nginx":
        words = {
            "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
            "/etc/ssl/example.org.pem": str(cert),
            "/etc/ssl/example.org.key": str(key),
            **NGINX[variant],
        }
        shipped, around = (ROOT / "deploy/nginx.conf").read_text(), NGINX_AROUND
        command = [program, "-p", str(folder), "-c", str(folder / "main.conf")]
    else:
        site = f"\nhttps://localhost:{port} {{\n\tbind 127.0.0.1\n\ttls {cert} {key}\n"
        words = {"\nexample.org {\n": site, **CADDY[variant]}
        shipped = four_lines() if variant == FOUR_LINES else (ROOT / "deploy/Caddyfile").read_text()
        around = CADDY_AROUND
        main = str(folder / "main.conf")
        command = [program, "run", "--config", main, "--adapter", "caddyfile"]
    text = adapted(shipped, {"127.0.0.1:8000": app, **words})
    (folder / "rushes.conf").write_text(text)
    (folder / "main.conf").write_text(around.format(folder=folder))
    run(programs, command, folder, port)
    return f"https://localhost:{port}"


def four_lines() -> str:
    """Return the four lines that docs/hosting.md promises to be enough."""
    (block,) = re.findall(r"```caddyfile(\n.*?)```", (ROOT / "docs/hosting.md").read_text(), re.S)
    assert len(block.strip().splitlines()) == 4
    return str(block)


def adapted(text: str, words: Words) -> str:
    """Return a shipped file with a few words changed, each of them found exactly once."""
    for old, new in words.items():
        assert text.count(old) == 1, f"{old!r} is there {text.count(old)} times"
        text = text.replace(old, new)
    return text


def run(programs: Programs, command: list[str], folder: Path, port: int) -> None:
    """Start a proxy and wait until it listens."""
    log = folder / "proxy.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            env={"PATH": os.environ["PATH"], "HOME": str(folder)},
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
    proxy = Program(process, log)
    programs.started.append(proxy)

    def listens() -> bool:
        assert process.poll() is None, proxy.printed()
        with socket.socket() as caller:
            return caller.connect_ex(("127.0.0.1", port)) == 0

    wait_for(listens, at_most=20)
