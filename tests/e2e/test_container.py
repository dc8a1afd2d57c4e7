"""The container's files: what they promise, and a first day with exactly their settings."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import ZipFile

import httpx
import pytest

from rushes.people.first_password import FILE
from tests.e2e.servers import Program, wait_for

if TYPE_CHECKING:
    from collections.abc import Generator

    from tests.e2e.servers import Programs

ROOT = Path(__file__).parents[2]
CONTAINERFILE = (ROOT / "deploy/Containerfile").read_text()
COMPOSE = (ROOT / "deploy/compose.yaml").read_text()
ASKED = {"prompt": "a first clip", "aspect_ratio": "16:9", "resolution": "360p", "duration": "2"}
TOLD = re.compile(r"^The password is (\S+) ", re.MULTILINE)
STRANGER = 10001


def environment() -> dict[str, str]:
    """Return the settings that both files make."""
    image = dict(re.findall(r"(RUSHES_\w+)=(\S+)", CONTAINERFILE))
    composed = dict(re.findall(r"^      (RUSHES_\w+): (\S+)", COMPOSE, re.MULTILINE))
    return image | composed


def copied() -> list[str]:
    """Return what the build takes from the sources."""
    lines = re.findall(r"^COPY (?!--from)(.+) \S+$", CONTAINERFILE, re.MULTILINE)
    return [name for line in lines for name in line.split()]


# --- what the files say -------------------------------------------------------------------------


def test_the_image_runs_as_nobody_in_particular() -> None:
    assert f"--uid {STRANGER}" in CONTAINERFILE
    assert CONTAINERFILE.index("\nUSER rushes\n") < CONTAINERFILE.index("\nCMD ")
    assert "--require-hashes -r requirements.lock" in CONTAINERFILE
    assert all((ROOT / name).exists() for name in copied())
    assert not {".", "*", ".env", "data"} & set(copied())


def test_the_compose_file_keeps_it_in() -> None:
    ports = re.findall(r"^    ports:\n((?:      - .+\n)+)", COMPOSE, re.MULTILINE)

    assert ports == ['      - "127.0.0.1:8000:8000"\n']
    for line in (
        "read_only: true",
        "cap_drop: [ALL]",
        'security_opt: ["no-new-privileges:true"]',
        "- rushes:/data",
        "- /tmp:size=64m",
    ):
        assert f" {line}\n" in COMPOSE
    assert "privileged: true" not in COMPOSE
    assert "docker.sock" not in COMPOSE


def test_both_files_together_ask_for_a_password() -> None:
    assert set(environment()) == {
        *("RUSHES_DATA_DIR", "RUSHES_HOST", "RUSHES_AUTH", "RUSHES_BACKEND_URL"),
    }
    assert environment()["RUSHES_AUTH"] == "password"


# --- a first day --------------------------------------------------------------------------------


def settings(mock: Program, **changes: str) -> dict[str, str]:
    """Return exactly their settings; only where things are is this machine's."""
    here = {"RUSHES_DATA_DIR": "fresh", "RUSHES_BACKEND_URL": f"{mock.url}/v1", "RUSHES_PORT": "0"}
    return environment() | here | changes


def local(site: Program) -> str:
    return site.url.replace("0.0.0.0", "127.0.0.1")  # noqa: S104 - where it listens


@contextmanager
def signed_in(address: str, password: str) -> Generator[httpx.Client]:
    with httpx.Client(base_url=address, headers={"Origin": address}, timeout=20) as client:
        entered = client.post("/login", data={"password": password})
        assert entered.status_code == 303, entered.text
        yield client


def make_a_clip(client: httpx.Client) -> bytes:
    sent = client.post("/jobs", data=ASKED)
    assert sent.status_code == 303, sent.text
    job = sent.headers["location"]
    wait_for(lambda: client.get(f"/api/v1{job}").json()["status"] == "completed", at_most=40)
    return client.get(f"{job}/clip").content


@pytest.mark.slow
def test_the_first_start_prints_a_password_that_opens_the_door_once(
    programs: Programs, mock: Program
) -> None:
    first = programs.start("serve", **settings(mock))
    (password,) = TOLD.findall(first.printed())
    with httpx.Client(base_url=local(first)) as stranger:
        asked = stranger.get("/")
    with signed_in(local(first), password) as client:
        clip = make_a_clip(client)
    assert first.stop() == 0

    second = programs.start("serve", **settings(mock))
    with signed_in(local(second), password) as client:
        assert client.get("/").status_code == 200

    assert asked.headers["location"] == "/login"
    assert clip[4:8] == b"ftyp"
    assert re.fullmatch(r"(?:[a-km-z2-9]{6}-){3}[a-km-z2-9]{6}", password)
    assert TOLD.findall(second.printed()) == []
    kept = programs.folder / "fresh" / FILE
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert kept.read_text().startswith("$argon2id$")
    found = subprocess.run(["grep", "-rlF", password, kept.parent], check=False)
    assert found.returncode == 1, "it is somewhere in the data folder"


@pytest.mark.slow
def test_a_password_that_was_lost_is_made_anew(programs: Programs, mock: Program) -> None:
    def reset() -> tuple[int, str]:
        command = [sys.executable, "-m", "rushes", "password", "--reset", "--data-dir", "fresh"]
        done = subprocess.run(
            command, cwd=programs.folder, capture_output=True, text=True, check=False, timeout=20
        )
        return done.returncode, done.stdout + done.stderr

    assert reset() == (
        2,
        "rushes: there is no fresh/password.hash: no start has made a password yet\n",
    )
    first = programs.start("serve", **settings(mock))
    with signed_in(local(first), TOLD.findall(first.printed())[0]) as client:
        code, said = reset()
        assert first.stop() == 0
        second = programs.start("serve", **settings(mock))
        again = client.get(f"{local(second)}/")

    assert (code, said) == (0, "forgotten: the next start makes a new password and prints it\n")
    assert again.status_code == 303, "a session outlived the password that opened it"
    with signed_in(local(second), TOLD.findall(second.printed())[0]):
        pass
    assert TOLD.findall(second.printed()) != TOLD.findall(first.printed())


@pytest.mark.slow
def test_a_start_that_fails_makes_no_password(programs: Programs, mock: Program) -> None:
    programs.site(mock, data="fresh")

    beside = programs.launch("serve", **settings(mock))

    assert beside.process.wait(20) == 2
    assert "another Rushes" in beside.printed()
    assert TOLD.findall(beside.printed()) == []
    assert not (programs.folder / "fresh" / FILE).exists()


@pytest.mark.slow
def test_a_spoilt_hash_is_one_line(programs: Programs, mock: Program) -> None:
    (programs.folder / "fresh").mkdir()
    (programs.folder / "fresh" / FILE).write_text("correct horse\n")

    site = programs.launch("serve", **settings(mock))

    assert site.process.wait(20) == 2
    assert site.printed().startswith("rushes: fresh/password.hash holds no argon2id hash")
    assert "correct horse" not in site.printed()


# --- the image's tree ---------------------------------------------------------------------------

# As the compose file has it: nothing can be written but the data and a little of /tmp, and nobody
# has any right beside reading (an image's files are everybody's to read; a checkout's are not).
# The interpreter's folder is carried past the new /tmp, which would hide a checkout below it.
ENTER = """
mount --bind "$1" /mnt && mount --bind "$2" /srv && mount --bind "$3" /media \\
  && mount -o remount,bind,ro / && mount -o remount,bind,ro /srv \\
  && mount -t tmpfs -o size=64m tmpfs /tmp && mkdir -p "$3" && mount --bind /media "$3" \\
  && mount -o remount,bind,ro "$3" && cd /mnt && shift 3 \\
  && exec setpriv --reuid 10001 --regid 10001 --clear-groups --no-new-privs \\
    --bounding-set=-all,+dac_read_search --inh-caps=-all,+dac_read_search \\
    --ambient-caps=-all,+dac_read_search "$@"
"""
UNSHARE = ["unshare", "--mount", "--propagation", "private"]


def can_unshare() -> bool:
    if shutil.which("unshare") is None or shutil.which("setpriv") is None:
        return False
    return subprocess.run([*UNSHARE, "true"], check=False, capture_output=True).returncode == 0


def built(folder: Path) -> Path:
    """Build the wheel from nothing but what the image copies, and unpack it."""
    source, tree = folder / "src", folder / "tree"
    source.mkdir()
    for name in copied():
        place = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        place(ROOT / name, source / name)
    wheel = [sys.executable, "-m", "pip", "wheel", "-q", "--no-index", "--no-deps"]
    command = [*wheel, "--no-build-isolation", "-w", str(folder), str(source)]
    subprocess.run(command, check=True, capture_output=True, timeout=100)
    (file,) = folder.glob("rushes-*.whl")
    with ZipFile(file) as archive:
        archive.extractall(tree)
    return tree


@pytest.mark.slow
@pytest.mark.skipif(not can_unshare(), reason="this machine lets nobody make a read-only root")
def test_the_tree_runs_as_nobody_on_a_read_only_root(programs: Programs, mock: Program) -> None:
    tree, data = built(programs.folder), programs.folder / "data"
    data.mkdir(mode=0o700)
    os.chown(data, STRANGER, STRANGER)
    log = programs.folder / "site.log"
    given = settings(mock, RUSHES_DATA_DIR="/mnt") | {"PYTHONPATH": "/srv"}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                *UNSHARE,
                "sh",
                "-c",
                ENTER,
                "sh",
                data,
                tree,
                sys.prefix,
                sys.executable,
                "-m",
                "rushes",
                "serve",
            ],
            env={"PATH": os.environ["PATH"], "HOME": "/nowhere", **given},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    site = Program(process, log)
    programs.started.append(site)
    found = wait_for(lambda: re.search(r"http://0\.0\.0\.0:(\d+)/", site.printed()), at_most=90)
    (password,) = TOLD.findall(site.printed())
    with signed_in(f"http://127.0.0.1:{found[1]}", password) as client:
        clip = make_a_clip(client)
    code = site.stop()

    assert (clip[4:8], code) == (b"ftyp", 0)
    assert "Read-only file system" not in site.printed()
    assert {path.stat().st_uid for path in data.rglob("*")} == {STRANGER}
