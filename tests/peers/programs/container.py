"""Runs the program as a container: its own root file system, a user, an environment and nothing else of this machine.

    unshare --mount -- container.py PROGRAM DOCKERFILE SPECIFICATION

SPECIFICATION is a JSON file: `command` (what follows the image's entry point), `environment`, `user` and `group` (numbers),
`groups`, `read_only`, `files` (each with `path`, `text`, `mode`, `group`). Entry point, working folder and PATH are those of
the Dockerfile, libraries and certificates this machine's. Ends as the program does.

With `probes` the program is one that serves: it has a network of its own, each probe (a `command`, or `port` and `path` to
GET) has to succeed, then it is told to stop.
"""

import ctypes
import encodings.idna  # noqa: F401  # what a request wants at the first time, and then there is no Python to find
import errno
import fcntl
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

PR_SET_NO_NEW_PRIVS = 38
CLONE_NEWNET = 0x40000000
SIOCSIFFLAGS, IFF_UP = 0x8914, 1
PROBES_MAX_SECONDS, POLL_EVERY_SECONDS = 60, 0.05

libc = ctypes.CDLL(None, use_errno=True)


def mount(*options: str) -> None:
    subprocess.run(["mount", *options], check=True)


def dockerfile(text: str) -> dict:
    def last(keyword: str) -> str:
        return re.findall(rf"(?m)^{keyword} (.+)$", text)[-1]

    name, _, path = last("ENV").partition("=")
    return {"entrypoint": json.loads(last("ENTRYPOINT")), "folder": last("WORKDIR"), "environment": {name: path}}


def make_root(root: Path, program: str, image: dict, specification: dict) -> None:
    mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", str(root))
    for folder in ["usr/lib", "usr/lib64", "usr/local/bin", "etc/ssl/certs", image["folder"].lstrip("/")]:
        (root / folder).mkdir(parents=True, exist_ok=True)
    for name in ["lib", "lib64"]:
        (root / name).symlink_to(f"usr/{name}")
        mount("--bind", f"/usr/{name}", str(root / "usr" / name))
    (root / "etc/ssl/certs/ca-certificates.crt").write_bytes(Path("/etc/ssl/certs/ca-certificates.crt").read_bytes())
    where = root / image["entrypoint"][0].lstrip("/")
    where.touch(mode=0o755)
    mount("--bind", program, str(where))
    for file in specification["files"]:
        path = root / file["path"].lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file["text"])
        path.chmod(file["mode"])
        os.chown(path, 0, file["group"])
    if specification["read_only"]:
        mount("-o", "remount,bind,ro", str(root))


def enter(root: Path, image: dict, specification: dict) -> None:
    os.chroot(root)
    os.chdir(image["folder"])
    if specification["read_only"]:
        try:
            Path("/file").touch()
            sys.exit("the root file system can be written")
        except OSError as error:
            assert error.errno == errno.EROFS, error
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    os.setgroups(specification["groups"])
    os.setgid(specification["group"])
    os.setuid(specification["user"])


def own_network() -> None:
    """A network where nothing but this program is, with its loopback up."""
    if libc.unshare(CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "unshare")
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh", b"lo", IFF_UP))


def succeeds(probe: dict, environment: dict) -> bool:
    if "command" in probe:
        return subprocess.run(probe["command"], check=False, env=environment, capture_output=True).returncode == 0
    try:
        return urllib.request.urlopen(f"http://127.0.0.1:{probe['port']}{probe['path']}").status == 200
    except OSError:
        return False


def serve(command: list, environment: dict, probes: list) -> int:
    server = subprocess.Popen(command, env=environment)
    deadline = time.monotonic() + PROBES_MAX_SECONDS
    try:
        for probe in probes:
            while not succeeds(probe, environment):
                if server.poll() is not None:
                    sys.exit(f"the server ended with {server.returncode}")
                if time.monotonic() > deadline:
                    sys.exit(f"no success of {probe}")
                time.sleep(POLL_EVERY_SECONDS)
        server.send_signal(signal.SIGTERM)
        return server.wait(timeout=PROBES_MAX_SECONDS)
    finally:
        server.kill()


def main() -> None:
    program, docker, path = sys.argv[1:]
    specification = json.loads(Path(path).read_text())
    image = dockerfile(Path(docker).read_text())
    probes = specification.get("probes")
    if probes:
        own_network()
    root = Path(path).parent / "root"
    root.mkdir()
    make_root(root, program, image, specification)
    enter(root, image, specification)
    environment = image["environment"] | specification["environment"]
    command = image["entrypoint"] + specification["command"]
    if probes:
        sys.exit(serve(command, environment, probes))
    os.execve(command[0], command, environment)


if __name__ == "__main__":
    main()
