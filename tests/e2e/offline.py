"""From a prompt to its clip, all within one network namespace: run by test_offline.py."""

from __future__ import annotations

import fcntl
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

import httpx

SIOCSIFFLAGS = 0x8914
IFF_UP = 0x1
PORT = 8000


def main(folder: Path) -> None:
    """Bring the loopback up, run the demo, ask for a clip and print how many bytes it has."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))
    command = [sys.executable, "-m", "rushes", "demo", "--port", str(PORT)]
    demo = subprocess.Popen([*command, "--data-dir", str(folder)], stdout=subprocess.DEVNULL)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{PORT}", trust_env=False) as client:
            sys.stdout.write(f"{len(_clip(client))}\n")
    finally:
        demo.terminate()
        demo.wait(20)


def _clip(client: httpx.Client) -> bytes:
    asked = {"prompt": "a lamp in an empty house", "duration_s": 2, "resolution": "360p"}
    job = ""
    for _ in range(600):
        time.sleep(0.1)
        try:
            job = job or client.post("/api/v1/jobs", json=asked).json()["id"]
        except httpx.TransportError:
            continue
        if client.get(f"/api/v1/jobs/{job}").json()["status"] == "completed":
            return client.get(f"/jobs/{job}/clip").content
    raise SystemExit("no clip came")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
