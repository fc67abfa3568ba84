"""Real processes: each test gets clusters that `yoke up` starts, in a runtime folder of its own, and everything that is left
over after a test fails it."""

import json
import os
import pathlib
import signal
import subprocess
import time
import urllib.error
import urllib.request

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("YOKE_BIN", ROOT / "build" / "bin"))
GOLDEN = ROOT / "tests" / "golden"
EMULATOR = BIN.parent / "emulator"  # the doubles of libcuda.so.1 and libnccl.so.2
TINY = GOLDEN / "models" / "llama"
UNTIED = GOLDEN / "models" / "llama_untied"


def wait_until(condition, deadline_s, what):
    """Returns condition()'s first truthy value; fails with `what` at the deadline."""
    end = time.monotonic() + deadline_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            pytest.fail(f"after {deadline_s} s still waiting: {what}")
        time.sleep(0.01)


def alive(pid):
    """Whether a process runs; a zombie that waits for its parent does not."""
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def descendants(pid):
    found = []
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
        if parent == pid:
            found += [int(entry.name)] + descendants(int(entry.name))
    return found


class Cluster:
    """A `yoke up` of this test."""

    def __init__(self, env, folder, model, *flags, name="test"):
        self.env, self.name = env, name
        self.folder = folder / "yoke" / name
        self.process = subprocess.Popen(
            [BIN / "yoke", "up", model, "--name", name, "--port", "0", "--control-port", "0", *map(str, flags)],
            env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        wait_until(lambda: self.process.poll() is not None or self.ready(), 60, "the cluster to be ready\n" + self.logs())
        assert self.process.poll() is None, self.process.stdout.read().decode()

    def state(self):
        try:
            return json.loads((self.folder / "state.json").read_text())
        except FileNotFoundError:
            return {"rest_url": ""}

    @property
    def url(self):
        return self.state()["rest_url"]

    def get(self, path, timeout=5):
        with urllib.request.urlopen(self.url + path, timeout=timeout) as response:
            return response.status, response.read().decode()

    def status(self):
        return json.loads(self.get("/yoke/v1/status")[1])

    def ready(self):
        if not self.url:
            return False
        try:
            return self.get("/health/ready")[0] == 200
        except (urllib.error.URLError, OSError):
            return False

    def why_not_ready(self):
        """The body of a 503 of /health/ready; None when it is ready."""
        try:
            self.get("/health/ready")
            return None
        except urllib.error.HTTPError as error:
            return error.read().decode()

    def post(self, path, body, timeout=60):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=timeout) as response:
            return json.loads(response.read())

    def logs(self):
        return "\n".join(f"--- {file.name}\n{file.read_text()[-3000:]}" for file in sorted(self.folder.glob("*.log")))

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            pytest.fail("yoke up did not end within 15 s of Ctrl-C")
        return self.process.returncode


@pytest.fixture
def runtime(tmp_path):
    """A runtime folder and the environment that points to it."""
    env = dict(os.environ, XDG_RUNTIME_DIR=str(tmp_path), XDG_CACHE_HOME=str(tmp_path / "cache"), NO_PROXY="*")
    env.pop("YOKE_CONFIG", None)
    return tmp_path, env


@pytest.fixture
def start(runtime):
    """start(model, *flags, name=...) -> Cluster; all are stopped afterwards and must leave nothing behind."""
    folder, env = runtime
    clusters = []
    shared_before = set(os.listdir("/dev/shm"))

    def begin(model, *flags, name="test"):
        clusters.append(Cluster(env, folder, model, *flags, name=name))
        return clusters[-1]

    yield begin
    children = [pid for cluster in clusters for pid in descendants(cluster.process.pid)]
    for cluster in clusters:
        cluster.stop()
    for pid in children:
        wait_until(lambda: not alive(pid), 2, f"process {pid} to end")
    for cluster in clusters:
        assert not cluster.folder.exists(), "the runtime folder is left behind"
    assert set(os.listdir("/dev/shm")) <= shared_before, "shared memory is left behind"


@pytest.fixture
def yoke(runtime):
    """yoke(*arguments) -> CompletedProcess of the command line."""
    _, env = runtime

    def run(*arguments, timeout=120, **options):
        return subprocess.run([BIN / "yoke", *map(str, arguments)], env=env, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=timeout, **options)

    return run


def emulated():
    return (EMULATOR / "libcuda.so.1").exists()


@pytest.fixture
def gpu(runtime):
    """The environment of processes that find the doubles of CUDA: what scripts/with-cuda-emulator sets."""
    env = runtime[1]
    env["LD_LIBRARY_PATH"] = os.pathsep.join(filter(None, [str(EMULATOR), env.get("LD_LIBRARY_PATH")]))
    env["YOKE_CUDA_EMULATOR"] = "1"
    return env


@pytest.fixture
def yoke_on_gpu(yoke, gpu):
    return yoke


@pytest.fixture
def start_on_gpu(start, gpu):
    return start


@pytest.fixture(scope="session")
def smollm2():
    path = os.environ.get("YOKE_TEST_MODEL", "")
    if not path or not pathlib.Path(path).exists():
        pytest.skip("YOKE_TEST_MODEL does not name SmolLM2-135M-Instruct.Q4_1.gguf; scripts/test gets it")
    return pathlib.Path(path)
