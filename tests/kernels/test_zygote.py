"""The zygote itself: who may ask it, how long it lives, what it leaves."""

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from workbench.kernels import keeper, preloading, runner
from workbench.kernels.forked import LARGEST
from workbench.kernels.specs import KernelSpecs

ROOT = Path(keeper.__file__).parent.parent.parent
SLEEP = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"]


def until(met: Callable[[], object], seconds: float = 30) -> bool:
    end = time.monotonic() + seconds
    while not met():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def replaced(zygote: psutil.Process) -> bool:
    kept = keeper._keeper.zygote
    return kept is not None and kept.process.pid != zygote.pid


def sleeping(**options):
    process = keeper.fork(SLEEP, env=dict(os.environ), stdout=subprocess.PIPE, **options)
    assert process.stdout.readline() == b"up\n"
    process.stdout.close()
    return process


def test_it_has_no_thread_but_those_that_are_known(zygote: psutil.Process):
    names = [Path(f"/proc/{zygote.pid}/task/{t.id}/comm").read_text() for t in zygote.threads()]
    assert {name.strip() for name in names[1:]} <= preloading.KNOWN_THREADS
    assert keeper._keeper.zygote.threads == sorted(name.strip() for name in names[1:])


def test_it_has_no_context_of_zmq_and_no_file_that_children_could_share(zygote: psutil.Process):
    places = [str(place.readlink()) for place in Path(f"/proc/{zygote.pid}/fd").iterdir()]
    assert places.count("anon_inode:[eventpoll]") == 1  # of its selector, closed in each child
    assert "anon_inode:[eventfd]" not in places  # every context of ZMQ has one
    assert sum(place.startswith("socket:") for place in places) == 1  # the one it listens on


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (
            "    import threading, time\n"
            "    options = {'name': 'of a stranger', 'daemon': True}\n"
            "    threading.Thread(target=time.sleep, args=(600,), **options).start()\n",
            "of a stranger",
        ),
        ("    import zmq\n    sys.kept = zmq.Context()\n", "anon_inode:[eventfd]"),
        ("    import socket\n    sys.kept = socket.socket()\n", "socket:["),
    ],
)
def test_one_with_what_no_fork_can_share_does_not_serve_and_kernels_are_stock(
    lines: str, told: str, tmp_path: Path
):
    (tmp_path / "sitecustomize.py").write_text(
        f"import sys\nif 'workbench.kernels.zygote' in sys.orig_argv:\n{lines}"
    )
    code = (
        "import os, sys\nfrom workbench.kernels import keeper, runner\n"
        "keeper.keep_zygote()\n"
        "p = runner.start_python(['-c', 'print(6 * 7)'], env=dict(os.environ))\n"
        "p.wait(); print(type(p).__name__)"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert answer.stdout == "42\nPopen\n"
    assert told in answer.stderr


def test_only_its_user_reaches_its_socket():
    address = keeper.address()
    assert stat.S_IMODE(address.stat().st_mode) == 0o600
    assert stat.S_IMODE(address.parent.stat().st_mode) == 0o700


ASK = """
import json, os, resource, socket, sys
address, uid = sys.argv[1], int(sys.argv[2])
os.setgroups([]); os.setgid(uid); os.setuid(uid)
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.settimeout(20)
try:
    s.connect(address)
    request = {"argv": ["python", "-c", "print(1)"], "env": {}, "cwd": "/", "umask": 18, "nice": 0,
               "cores": [0], "limits": {}}
    socket.send_fds(s, [json.dumps(request).encode()], [0, 1, 2, os.pidfd_open(os.getpid())])
    print(s.recv(9999))
except OSError as problem:
    print(type(problem).__name__)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_another_user_gets_nothing_even_when_the_modes_let_them_in(zygote: psutil.Process):
    address = keeper.address()

    def ask(uid: int) -> str:
        argv = ["/usr/bin/env", sys.executable, "-c", ASK, str(address), str(uid)]
        return subprocess.run(argv, capture_output=True, text=True, cwd="/").stdout.strip()

    assert "refused" in ask(0) or "pid" in ask(0)
    assert ask(65534) == "PermissionError"
    for place, mode in ((address.parent, 0o711), (address, 0o666)):
        place.chmod(mode)
    reachable = all(p.stat().st_mode & stat.S_IXOTH for p in address.parents)
    try:
        answer = ask(65534)
    finally:
        for place, mode in ((address.parent, 0o700), (address, 0o600)):
            place.chmod(mode)
    if reachable:
        assert answer in ("b''", "ConnectionResetError", "BrokenPipeError")
    assert "pid" not in answer
    assert not zygote.children()


GOOD = {
    "argv": ["python", "-c", ""],
    "env": {},
    "cwd": "/",
    "umask": 18,
    "nice": 0,
    "cores": [0],
    "limits": {},
}
HOSTILE = [
    b"\0" * 10,
    b"not json",
    b"[" * 100_000,
    b"{}",
    b"[]",
    b'"text"',
    json.dumps(GOOD | {"argv": "python"}).encode(),
    json.dumps(GOOD | {"argv": [1]}).encode(),
    json.dumps(GOOD | {"argv": ["python", "-c", "\0"]}).encode(),
    json.dumps(GOOD | {"env": {"A=B": "c"}}).encode(),
    json.dumps(GOOD | {"env": {"": "c"}}).encode(),
    json.dumps(GOOD | {"env": [1]}).encode(),
    json.dumps(GOOD | {"cwd": None}).encode(),
    json.dumps(GOOD | {"cores": "none"}).encode(),
    json.dumps(GOOD | {"cores": [4096]}).encode(),
    json.dumps(GOOD | {"limits": {"RLIMIT_NOFILE": 3}}).encode(),
    json.dumps(GOOD | {"limits": {"RLIMIT_NOFILE": [9, 3]}}).encode(),
    json.dumps(GOOD | {"umask": 10**30}).encode(),
    json.dumps(GOOD | {"nice": "low"}).encode(),
    json.dumps(GOOD | {"nice": float("inf")}).encode(),
    json.dumps(GOOD | {"env": {"A": {}}}).encode(),
    b"x" * (LARGEST - 1000),
]


@pytest.mark.parametrize("count", [0, 1, 4, 9])
def test_it_survives_whatever_is_sent(count: int, zygote: psutil.Process, forked):
    files = zygote.num_fds()
    for packet in HOSTILE:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
            connection.settimeout(20)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * LARGEST)
            connection.connect(str(keeper.address()))
            fds = [os.open(os.devnull, os.O_RDWR) for _ in range(count)]
            socket.send_fds(connection, [packet], fds)
            for fd in fds:
                os.close(fd)
            answer = connection.recv(9999)
            assert b"pid" not in answer
    assert forked("print(1)")[:2] == (0, "1\n")
    assert until(lambda: not zygote.children())
    assert until(lambda: zygote.num_fds() == files)


def test_connections_that_say_nothing_keep_nobody_waiting(forked):
    silent = [socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(50)]
    try:
        for each in silent:
            each.connect(str(keeper.address()))
        assert forked("print(1)")[1] == "1\n"
    finally:
        for each in silent:
            each.close()


def test_a_killed_one_is_replaced_and_its_children_live_on(zygote: psutil.Process):
    process = sleeping()
    address = keeper.address()
    zygote.kill()
    assert until(lambda: replaced(zygote))
    assert not address.exists()
    assert process.poll() is None
    assert not gone(process.pid)
    other = sleeping()
    assert psutil.Process(other.pid).ppid() == keeper._keeper.zygote.process.pid != zygote.pid
    for each in (other, process):
        each.kill()
        assert each.wait(10) in (-signal.SIGKILL, 255)  # with what code, the first took along


def test_one_that_is_asked_to_end_ends_its_children_and_is_replaced(zygote: psutil.Process):
    process = sleeping()
    zygote.terminate()
    assert process.wait(10) in (-signal.SIGKILL, 255)
    assert gone(process.pid)
    assert until(lambda: replaced(zygote))
    assert keeper.address().exists()


OWNER = """
import os, subprocess, sys, time
from workbench.kernels import keeper
code = '''
import subprocess, time
p = subprocess.Popen(["sleep", "600"])
print(p.pid, flush=True)
time.sleep(600)
'''
p = keeper.fork([sys.executable, "-c", code], env=dict(os.environ), stdout=subprocess.PIPE)
own = keeper._keeper.zygote
print(os.getpid(), p.pid, int(p.stdout.readline()), own.process.pid, own.address, flush=True)
time.sleep(600)
"""


def owner(left_behind: list[int]) -> tuple[subprocess.Popen, list[int], Path]:
    """Start a process with a zygote that has a child that has one too."""
    process = subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE, text=True)
    *pids, address = process.stdout.readline().split()
    process.stdout.close()
    left_behind += map(int, pids)
    return process, [int(pid) for pid in pids], Path(address)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_it_dies_with_its_owner_and_leaves_nothing(how: signal.Signals, left_behind: list[int]):
    process, pids, address = owner(left_behind)
    assert address.exists()
    process.send_signal(how)
    process.wait(10)
    assert until(lambda: all(map(gone, pids)))
    assert until(lambda: not address.parent.exists())


def test_a_child_dies_with_its_starter_even_without_a_zygote(left_behind: list[int]):
    process, (_mine, child, grandchild, zygote), _address = owner(left_behind)
    os.kill(process.pid, signal.SIGSTOP)  # it must not start another zygote meanwhile
    os.kill(zygote, signal.SIGKILL)
    assert until(lambda: psutil.Process(child).ppid() != zygote)
    assert not gone(child)
    process.kill()
    process.wait(10)
    assert until(lambda: gone(child) and gone(grandchild))


SECRET = "s3cret-of-the-owner"


def test_no_secret_of_its_owner_is_in_its_memory_nor_in_a_childs(left_behind: list[int]):
    # The child's environment is made without it, as runs and kernels of visitors have it.
    code = "SECRET = 'WORKBENCH_WEBHOOK'\n" + OWNER.replace(
        "env=dict(os.environ)", "env={n: v for n, v in os.environ.items() if n != SECRET}"
    )
    env = {**os.environ, "WORKBENCH_WEBHOOK": f"https://x.bitrix24.com/rest/1/{SECRET}/"}
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=env
    )
    *pids, _address = process.stdout.readline().split()
    left_behind += map(int, pids)
    mine, child, _sleep, zygote = map(int, pids)
    assert in_memory(mine, SECRET)  # the search finds what is there
    assert not in_memory(zygote, SECRET)
    assert not in_memory(child, SECRET)
    process.kill()
    process.wait(10)
    process.stdout.close()
    assert until(lambda: gone(child) and gone(zygote))


def in_memory(pid: int, text: str) -> bool:
    """Search a process's writable memory."""
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            span, modes, *_rest = line.split()
            if "rw" in modes:
                begin, end = (int(number, 16) for number in span.split("-"))
                memory.seek(begin)
                try:
                    if text.encode() in memory.read(end - begin):
                        return True
                except OSError:
                    continue
    return False


CHANGING = """
import os, subprocess, sys
from pathlib import Path
from workbench.kernels import keeper
import workbench
root = Path(workbench.__file__).parent
def said(what):
    argv, env = [sys.executable, "-c", what], dict(os.environ)
    with keeper.fork(argv, env=env, stdout=subprocess.PIPE) as p:
        return p.stdout.read().decode().strip(), keeper._keeper.zygote.process.pid
code = "import workbench.errors as e; print(getattr(e, 'ADDED', 'nothing'))"
kept = keeper.fork([sys.executable, "-c", "input()"], env=dict(os.environ), stdin=subprocess.PIPE)
first = said(code), said(code)
with (root / "errors.py").open("a") as file: file.write("\\nADDED = 'something'\\n")
second = said(code)
os.utime(root.parent / "requirements.lock", ns=(1, 1))
third = said(code)
assert kept.poll() is None
kept.stdin.write(b"\\n"); kept.stdin.close()
assert kept.wait(10) == 0
print([s for s, _ in (*first, second, third)], len({p for _, p in (*first, second, third)}))
import time; time.sleep(1)
print([os.path.exists(f"/proc/{p}/exe") for p in (first[0][1], second[1], third[1])])
"""


def test_it_is_replaced_when_the_code_or_the_lock_changes(tmp_path: Path):
    shutil.copytree(
        ROOT / "workbench", tmp_path / "workbench", ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.copy(ROOT / "requirements.lock", tmp_path)
    env = {**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": ""}
    answer = subprocess.run(
        [sys.executable, "-P", "-c", CHANGING], env=env, capture_output=True, text=True, timeout=100
    )
    assert answer.returncode == 0, answer.stderr
    said, alive = answer.stdout.splitlines()
    assert said == "['nothing', 'nothing', 'something', 'something'] 3"
    assert alive == "[False, False, True]"  # the first ones left with their last child


@pytest.mark.parametrize(
    ("lacks", "reason"),
    [
        ("import os; del os.pidfd_open", "no pidfd"),
        ("import zoneinfo, sys; sys.platform = 'darwin'", "darwin"),
    ],
)
def test_where_nothing_can_be_forked_kernels_are_stock_and_one_line_says_so(lacks, reason):
    code = (
        f"{lacks}\n"
        "import logging, os\nfrom workbench.kernels import keeper\n"
        "from workbench.kernels.specs import JUPYTER, KernelSpecs\n"
        "os.environ['JUPYTER_PATH'] = str(JUPYTER)\n"
        "logging.basicConfig(level=logging.INFO)\n"
        "KernelSpecs().get_kernel_spec('python3')\n"
        "from jupyter_client.manager import run_kernel, start_new_kernel\n"
        "keeper.keep_zygote()\n"
        "for _ in range(2):\n"
        "    km, kc = start_new_kernel(kernel_name='python3', stderr=-3)\n"
        "    print(kc.execute_interactive('print(6 * 7)')['content']['status'],\n"
        "          type(km.provisioner).__name__, type(km.provisioner.process).__name__)\n"
        "    kc.stop_channels(); km.shutdown_kernel(now=True)\n"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert answer.stdout == "42\nok ForkedProvisioner Popen\n" * 2, answer.stderr
    lines = [line for line in answer.stderr.splitlines() if "not forked" in line]
    assert len(lines) == 1
    assert reason in lines[0]


def test_an_installation_can_choose_stock_kernels(monkeypatch: pytest.MonkeyPatch):
    keeper.keep_zygote()
    forked = KernelSpecs().get_kernel_spec("python3").metadata
    assert forked["kernel_provisioner"]["provisioner_name"] == "workbench-forked"
    monkeypatch.setenv("WORKBENCH_KERNELS", "stock")
    assert "kernel_provisioner" not in KernelSpecs().get_kernel_spec("python3").metadata
    assert keeper.handed_on() == {}
    with runner.start_python(["-c", ""], env=dict(os.environ)) as process:
        assert isinstance(process, subprocess.Popen)
