"""Kernels of the provisioner behave as stock ones: each fact is tried on both."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator

import psutil
import pytest
from jupyter_client.manager import KernelManager

from workbench.kernels import keeper
from workbench.kernels.forked import ForkedProcess
from workbench.kernels.runner import die_with_starter
from workbench.kernels.specs import JUPYTER, KernelSpecs


class Kernel:
    """A kernel with its client."""

    def __init__(self, **options) -> None:
        self.manager = KernelManager(kernel_name="python3", kernel_spec_manager=KernelSpecs())
        self.manager.start_kernel(stderr=subprocess.DEVNULL, **options)
        self.connect()

    def connect(self) -> None:
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)

    def run(self, code: str, **options) -> str:
        """What the code prints; the name of its error, if it ends in one."""
        said: list[str] = []

        def note(message: dict) -> None:
            content = message["content"]
            said.append(content.get("text", "") or content.get("ename", ""))

        self.client.execute_interactive(code, output_hook=note, timeout=30, **options)
        return "".join(said)

    @property
    def process(self):
        return self.manager.provisioner.process

    def end(self) -> None:
        self.client.stop_channels()
        if self.manager.has_kernel:
            self.manager.shutdown_kernel(now=True)


def gone(pid: int) -> bool:
    """Tell whether a process is gone; the zygote forgets one just after its starter has heard."""
    end = time.monotonic() + 5
    while psutil.pid_exists(pid) and time.monotonic() < end:
        time.sleep(0.01)
    return not psutil.pid_exists(pid)


@pytest.fixture(params=["forked", "stock"])
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("WORKBENCH_KERNELS", request.param)
    keeper.keep_zygote()
    return request.param


@pytest.fixture
def start(kind: str) -> Iterator[Callable[..., Kernel]]:
    kernels: list[Kernel] = []

    def started(**options) -> Kernel:
        kernels.append(Kernel(**options))
        assert isinstance(kernels[-1].process, ForkedProcess) == (kind == "forked")
        return kernels[-1]

    yield started
    for kernel in kernels:
        kernel.end()


def test_environment_folder_and_streams(start, tmp_path):
    given = {**os.environ, "GIVEN": "as asked", "WORKBENCH_ZYGOTE": ""}
    del given["WORKBENCH_ZYGOTE"]
    kernel = start(env=given, cwd=str(tmp_path))
    assert kernel.run("import os; print(os.environ['GIVEN'], os.getcwd())") == (
        f"as asked {tmp_path}\n"
    )
    assert kernel.run("import sys; print('e', file=sys.stderr)") == "e\n"
    assert kernel.run("!echo from a shell; pwd").split() == ["from", "a", "shell", str(tmp_path)]
    assert kernel.run("print(int(os.environ['JPY_PARENT_PID']))") == f"{os.getpid()}\n"
    assert kernel.run("print('WORKBENCH_ZYGOTE' in os.environ)") == "False\n"
    shown = psutil.Process(kernel.manager.provisioner.pid)
    assert kernel.manager.connection_file in " ".join(shown.cmdline())
    assert shown.environ()["GIVEN"] == "as asked"


def test_input_comes_from_the_client(start):
    kernel = start()
    ask = "print(input('name? ') + '!')"
    answered = kernel.run(
        ask, allow_stdin=True, stdin_hook=lambda _message: kernel.client.input("Zoé")
    )
    assert answered == "Zoé!\n"
    assert "StdinNotImplementedError" in kernel.run(ask, allow_stdin=False)


def test_interrupt_reaches_code_and_what_it_has_started(start):
    kernel = start()
    for code in ("import time; time.sleep(60)", "!sleep 60", "while True: pass"):
        kernel.client.execute(code)
        time.sleep(0.5)
        kernel.manager.interrupt_kernel()
        begun = time.monotonic()
        assert kernel.run("print(1)") in ("1\n", "")
        assert time.monotonic() - begun < 20
    assert kernel.run("print(2)") == "2\n"


def test_restart_gives_a_new_process_at_the_same_ports(start):
    kernel = start()
    kernel.run("kept = 1")
    before = kernel.manager.provisioner.pid, kernel.manager.shell_port
    kernel.client.stop_channels()
    kernel.manager.restart_kernel()
    kernel.connect()
    assert kernel.run("print(kept)") == "NameError"
    assert kernel.manager.provisioner.pid != before[0]
    assert kernel.manager.shell_port == before[1]
    assert gone(before[0])


def test_shutdown_lets_it_say_goodbye_and_leaves_no_process(start, tmp_path):
    kernel = start()
    pid, file = kernel.manager.provisioner.pid, tmp_path / "goodbye"
    kernel.run(f"import atexit, pathlib; atexit.register(pathlib.Path({str(file)!r}).touch)")
    kernel.client.stop_channels()
    kernel.manager.shutdown_kernel()
    assert file.exists()
    assert gone(pid)
    assert not kernel.manager.has_kernel


@pytest.mark.parametrize(
    ("code", "ended"),
    [
        ("import os; os._exit(3)", 3),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
        ("import ctypes; ctypes.string_at(0)", -signal.SIGSEGV),
    ],
)
def test_a_kernel_that_dies_is_noticed_with_its_code(start, code: str, ended: int):
    kernel = start()
    kernel.client.execute(code)
    assert kernel.process.wait(timeout=20) == ended
    assert not kernel.manager.is_alive()


def test_widgets_find_their_kernel(start):
    kernel = start()
    kernel.run("import ipywidgets")
    code = "from comm import get_comm_manager; print(sorted(get_comm_manager().targets))"
    assert kernel.run(code) == "['jupyter.widget', 'jupyter.widget.control']\n"


def test_what_a_fork_cannot_do_a_stock_kernel_does():
    keeper.keep_zygote()
    for options in ({"independent": True}, {"preexec_fn": os.getpid}, {"umask": 0o077}):
        kernel = Kernel(**options)
        try:
            assert isinstance(kernel.process, subprocess.Popen)
            # The address of the zygote is for processes of ours only.
            assert kernel.run("import os; print('WORKBENCH_ZYGOTE' in os.environ)") == "False\n"
        finally:
            kernel.end()


def test_to_be_bound_to_its_starter_keeps_no_kernel_from_being_forked():
    keeper.keep_zygote()
    kernel = Kernel(preexec_fn=die_with_starter)
    assert isinstance(kernel.process, ForkedProcess)
    kernel.end()


def test_the_kernelspec_is_the_stock_one_but_for_its_name_and_provisioner(
    monkeypatch: pytest.MonkeyPatch,
):
    from ipykernel.kernelspec import get_kernel_dict

    monkeypatch.setenv("JUPYTER_PATH", str(JUPYTER))
    spec = KernelManager(kernel_name="python3").kernel_spec.to_dict()
    stock = get_kernel_dict()
    provisioner = spec["metadata"].pop("kernel_provisioner")
    assert provisioner["provisioner_name"] == "workbench-forked"
    assert spec["metadata"] == stock["metadata"]
    assert spec["argv"][1:] == stock["argv"][1:]
