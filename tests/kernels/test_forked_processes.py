"""A fork of the zygote is like a new process: each fact is compared with one."""

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from workbench.kernels import keeper, runner
from workbench.kernels.forked import CannotFork

SAME = {
    "arguments": "import sys; print(sys.argv, sys.orig_argv[1:2], __name__)",
    "paths of modules": "import sys; print(sys.path)",
    "folder": "import os; print(os.getcwd(), os.environ.get('PWD'))",
    "environment": "import os; print(sorted(os.environ.items()))",
    "environment shown": (
        "print(sorted(open('/proc/self/environ').read().rstrip('\\0').split('\\0')))"
    ),
    "environment of its children": (
        "import os, subprocess; print(sorted(subprocess.check_output('env').splitlines()))"
    ),
    "session": "import os; print(os.getsid(0) == os.getpgrp() == os.getpid())",
    "limits": "import resource as r; print([r.getrlimit(n) for n in range(r.RLIM_NLIMITS)])"
    if hasattr(resource, "RLIM_NLIMITS")
    else "import resource as r; print([r.getrlimit(n) for n in range(16)])",
    "mask of files": "import os; print(os.umask(0))",
    "priority and cores": "import os; print(os.nice(0), os.sched_getaffinity(0))",
    "signals": "import signal as s; print([str(s.getsignal(n)) for n in s.valid_signals()])",
    "blocked signals": "import signal as s; print(s.pthread_sigmask(s.SIG_BLOCK, []))",
    "streams": (
        "import sys\n"
        "for s in (sys.stdin, sys.stdout, sys.stderr):\n"
        "    print(s.fileno(), s.encoding, s.errors, s.line_buffering, s.write_through, s.isatty())"
    ),
    "time zone": "import time; print(time.tzname, time.localtime(0))",
    # sys.flags cannot be set: the two that the environment may set later are followed all the same.
    "flags": (
        "import re, sys\n"
        "print(sys.dont_write_bytecode, re.sub('dont_write_bytecode=., ', '', str(sys.flags)))"
    ),
    "threads of BLAS": (
        "import ctypes, numpy as np, re\n"
        "np.ones((9, 9)) @ np.ones((9, 9))\n"
        "path = re.search(r'\\S*openblas\\S*', open('/proc/self/maps').read())[0]\n"
        "print(ctypes.CDLL(path).scipy_openblas_get_num_threads64_())"
    ),
    "threads of DuckDB": (
        "import duckdb; print(duckdb.sql('select current_setting($$threads$$)').fetchall())"
    ),
    "standard modules": "import tempfile, locale; print(tempfile.gettempdir(), locale.getlocale())",
    "a failure": "raise ValueError('no')",
    "an exit code": "raise SystemExit(7)",
    "an exit text": "raise SystemExit('so be it')",
    "a hard exit": "import os; os._exit(3)",
    "last words": "import atexit; atexit.register(print, 'bye'); print('hello', end='')",
    "killed": "import os; os.kill(os.getpid(), 9)",
    "terminated": "import os; os.kill(os.getpid(), 15)",
    "crashed": "import os; os.abort()",
    "subprocesses": "import subprocess as s; print(s.check_output('id; ulimit -a', shell=True))",
}


@pytest.mark.parametrize("fact", SAME)
def test_it_is_as_in_a_new_process(fact: str, forked, started, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    monkeypatch.setenv("PWD", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("SOME_VALUE", "a=b é\n\udcff")
    code, said, errors = forked(SAME[fact], "one", "two words", cwd=tmp_path)
    expected = started(SAME[fact], "one", "two words", cwd=tmp_path)
    assert (code, said) == expected[:2]
    assert errors.splitlines()[-1:] == expected[2].splitlines()[-1:]  # a trace has our frames too


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_standard_output_is_buffered_as_the_environment_says(unbuffered: str, forked, started):
    code = "import os, sys; print('written'); os.write(1, b'raw\\n')"
    env = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    answers = forked(code, env=env), started(code, env=env)
    assert answers[0] == answers[1]
    assert answers[0][1] == ("written\nraw\n" if unbuffered else "raw\nwritten\n")


def test_limits_of_the_moment_hold(forked):
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = psutil.Process().num_fds() + 64  # this process is under it for a moment, too
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, before[1]))
    try:
        code, said, _errors = forked(f"import os\nfor n in range({limit}): os.dup(1)")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert code == 1
    code, said, _errors = forked("import resource; print(resource.getrlimit(7))")
    assert said.strip() == str(before)


def test_memory_beyond_the_limit_is_refused_to_it(forked):
    before = resource.getrlimit(resource.RLIMIT_AS)
    limit = psutil.Process().memory_info().vms + 4 * 2**30
    resource.setrlimit(resource.RLIMIT_AS, (limit, before[1]))
    try:
        code, _said, errors = forked(f"x = bytearray({limit})")
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
    assert (code, errors.splitlines()[-1]) == (1, "MemoryError")


def test_input_and_one_stream_for_both_outputs():
    code = "import sys; print(input()); print(input(), file=sys.stderr)"
    options = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    argv = [sys.executable, "-c", code]
    with keeper.fork(argv, env=dict(os.environ), **options) as process:
        process.stdin.write(b"first\nsecond\n")
        process.stdin.close()
        assert process.stdout.read() == b"first\nsecond\n"
        assert process.stderr is None
    assert process.returncode == 0


def test_without_streams_it_has_those_of_its_starter(tmp_path: Path):
    code = (
        "import os, sys\nfrom workbench.kernels import keeper\n"
        "p = keeper.fork([sys.executable, '-c', 'print(1 + 1)'], env=dict(os.environ))\n"
        "sys.exit(p.wait())"
    )
    env = {**os.environ, "WORKBENCH_ZYGOTE": str(keeper.address())}
    answer = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert (answer.returncode, answer.stdout) == (0, "2\n")


def test_a_folder_that_is_not_there_is_the_same_error(forked, started, tmp_path: Path):
    for run in (forked, started):
        with pytest.raises(FileNotFoundError) as error:
            run("", cwd=tmp_path / "none")
        assert error.value.filename in (str(tmp_path / "none"), tmp_path / "none")


def test_it_has_no_file_of_the_zygotes(forked):
    code, said, _errors = forked(
        "import os\n"
        "for n in os.listdir('/proc/self/fd'):\n"
        "    place = f'/proc/self/fd/{n}'\n"
        "    if int(n) > 2 and os.path.lexists(place): print(os.readlink(place))"
    )
    assert code == 0
    assert "socket" not in said
    assert "eventpoll" not in said
    assert said.count("pidfd") == 1  # of its starter, whose end it waits for


def test_no_two_have_the_same_random_numbers_or_keys(forked):
    code = (
        "import random, uuid, multiprocessing as m, numpy as np\n"
        "print(random.random(), np.random.rand(), uuid.uuid4(), bytes(m.current_process().authkey))"
    )
    one, other = (forked(code)[1].split(maxsplit=3) for _ in range(2))
    assert not set(one) & set(other)


def test_waiting_has_an_end_and_signals_arrive():
    argv = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]
    process = keeper.fork(argv, env=dict(os.environ), stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"up\n"
    assert process.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.05)
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == -signal.SIGINT
    process.kill()  # no error: it has ended
    assert (process.poll(), process.wait()) == (-signal.SIGINT,) * 2
    process.stdout.close()


@pytest.mark.parametrize(
    ("name", "value"), [("PYTHONHASHSEED", "7"), ("PYTHONPATH", "/nowhere"), ("LC_ALL", "C")]
)
def test_what_only_a_new_process_can_have_is_had_by_a_new_process(name: str, value: str):
    env = {**os.environ, name: value}
    argv = [sys.executable, "-c", ""]
    with pytest.raises(CannotFork, match=name):
        keeper.fork(argv, env=env)
    code = f"import os; print(hash('a') if {name!r} == 'PYTHONHASHSEED' else os.environ[{name!r}])"
    keeper.keep_zygote()
    with runner.start_python(["-c", code], env=env, stdout=subprocess.PIPE) as process:
        assert isinstance(process, subprocess.Popen)
        said = process.stdout.read()
    assert said == subprocess.check_output([sys.executable, "-c", code], env=env)


def test_other_programs_are_not_forked():
    for argv in ([sys.executable, "script.py"], ["/bin/true", "-c", ""], [sys.executable, "-i"]):
        with pytest.raises(CannotFork):
            keeper.fork(argv, env=dict(os.environ))


def test_an_environment_that_fits_no_packet_is_had_by_a_new_process():
    env = {**os.environ, "LARGE": "x" * 120_000, "LARGER": "y" * 120_000}
    keeper.keep_zygote()
    code = "import os; print(len(os.environ['LARGE']))"
    with runner.start_python(["-c", code], env=env, stdout=subprocess.PIPE) as process:
        assert process.stdout.read() == b"120000\n"


COMPUTED = """
import sys
import duckdb, numpy as np, pandas as pd, pyarrow as pa, pyarrow.compute as pc
table = pa.table({"g": pa.array(np.arange(400_000) % 7), "x": np.arange(400_000) * 0.5})
arrow = table.group_by("g", use_threads=True).aggregate([("x", "sum")]).sort_by("g")["x_sum"]
arrow_table = table
duck = duckdb.sql("select sum(x) from arrow_table group by g order by g").fetchnumpy()["sum(x)"]
own = duckdb.connect(); own.execute("set threads = 4")
parallel = own.execute("select sum(i % 9) from range(3000000) t(i)").fetchone()[0]
frame = table.to_pandas().groupby("g")["x"].sum()
matrix = np.random.default_rng(1).random((300, 300))
blas = np.linalg.norm(matrix @ np.linalg.inv(matrix) - np.eye(300)) < 1e-6
assert np.allclose(arrow.to_numpy(), frame) and np.allclose(duck, frame) and blas
assert pa.compute.sum(table["x"]).as_py() == frame.sum()
try:
    import numba
except ImportError:
    numba = None
if numba:
    numba.config.THREADING_LAYER = "workqueue"
    @numba.njit(parallel=True)
    def total(values):
        found = 0.0
        for place in numba.prange(values.size):
            found += values[place]
        return found
    assert np.isclose(total(frame.to_numpy()), frame.sum())
print(int(frame.sum()), parallel)
"""


def computing(count: int) -> None:
    """Fork ``count`` processes, four at a time, that compute with every library."""
    expected = f"{sum(range(400_000)) // 2} {sum(i % 9 for i in range(3_000_000))}\n".encode()
    env, argv = dict(os.environ), [sys.executable, "-c", COMPUTED]
    for _group in range(count // 4):
        group = [keeper.fork(argv, env=env, stdout=subprocess.PIPE) for _ in range(4)]
        for process in group:
            with process:
                assert process.stdout.read() == expected
            assert process.returncode == 0


def without_children(process: psutil.Process) -> bool:
    """Wait until the last ones that have ended are taken note of."""
    end = time.monotonic() + 10
    while process.children() and time.monotonic() < end:
        time.sleep(0.02)
    return not process.children()


def test_arrow_duckdb_blas_and_pandas_work_in_20_forks(zygote: psutil.Process):
    computing(20)
    assert without_children(zygote)


@pytest.mark.soak
def test_arrow_duckdb_blas_and_pandas_work_in_1000_forks(zygote: psutil.Process):
    before = zygote.num_fds(), zygote.memory_info().rss
    begun = time.monotonic()
    computing(1000)
    print(f"\n1,000 forks in {time.monotonic() - begun:.0f} s")
    assert without_children(zygote)
    assert (zygote.is_running(), zygote.num_fds()) == (True, before[0])
    assert zygote.memory_info().rss < before[1] * 1.05
