"""The add-on's client against the real server with made-up work, and against children that misbehave."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from engine import protocol
from magma_blender.engine_host import start_engine
from magma_blender.engine_host.answers import NeededSound
from magma_blender.engine_host.client import (
    ClientError,
    EngineClient,
    EngineDied,
    EngineNotFound,
    EngineRefused,
    EngineTimeout,
    EngineTooOld,
    Progress,
    Request,
    RequestCancelled,
)
from magma_blender.engine_host.engine_log import LOG_LIMIT_BYTES
from magma_blender.engine_host.engine_process import describe_exit
from magma_blender.engine_host.isolation import engine_command
from magma_blender.errors import StripError

ROOT = Path(__file__).resolve().parent.parent.parent
FAKE = [sys.executable, str(ROOT / "tests" / "fake_engine.py")]
HANGS = 30.0
"""Seconds after which something counts as not coming any more."""
MakeClient = Callable[..., EngineClient]


@pytest.fixture
def make_client(tmp_path: Path) -> Iterator[MakeClient]:
    clients = []

    def make(*commands: list[str], **options: object) -> EngineClient:
        options = {"folder": tmp_path / "work", "log_file": tmp_path / "logs" / "engine.log", **options}
        client = EngineClient(commands or [FAKE], **options)  # type: ignore[arg-type]
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.stop()


@pytest.fixture
def client(make_client: MakeClient) -> EngineClient:
    return make_client()


def script(code: str) -> list[str]:
    """A child that says hello as it should and then does `code`; `say` sends a message, `reader` reads ours."""
    start = (
        f"import os, sys, time; sys.path.insert(0, {str(ROOT)!r})\n"
        "from engine import protocol as p\n"
        "reader = p.MessageReader(sys.stdin.buffer)\n"
        "say = lambda message: (sys.stdout.buffer.write(p.encode_message(message)), sys.stdout.buffer.flush())\n"
        "hello = reader.read()\n"
        "say(p.response(hello['id'], {'protocol': p.PROTOCOL_VERSION}))\n"
    )
    return [sys.executable, "-c", start + code]


def generate(client: EngineClient, audio: str) -> Request:
    return client.request("generate", {"audio": audio})


def until(client: EngineClient, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + HANGS
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        client.poll()
        time.sleep(0.01)


def test_frames_come_before_the_answer(client: EngineClient) -> None:
    quiet = generate(client, "song")
    streamed = client.request("generate", {"audio": "song", "stream": True})
    client.wait(quiet, HANGS)
    client.wait(streamed, HANGS)
    assert quiet.frames == [] and streamed.result["report"]["params"]["audio"] == "song"
    assert [frames["first_frame"] for frames in streamed.frames] == [0, 2]
    assert protocol.unpack_arrays(streamed.frames[0]["npz"])["poses"].shape == (2, 72)


def until_logged(client: EngineClient, text: str, lines: int = 8) -> None:
    """The log is copied by a thread of its own, so a line may come after the answer that was sent behind it."""
    until(client, lambda: text in client.log_tail(lines))


def until_dancing(client: EngineClient, request: Request) -> None:
    until(client, lambda: request.progress.stage == "tokens")


def assert_works(client: EngineClient) -> None:
    assert client.wait(generate(client, "fine"), HANGS)["report"]["params"]["audio"] == "fine"


def test_generate(client: EngineClient) -> None:
    assert not client.alive
    seen: list[Progress] = []
    path = "/музыка/Été 5 😀.ogg"
    result = client.wait(client.request("generate", {"audio": path, "seed": 4}), HANGS, seen.append)
    assert result["report"]["params"]["audio"] == path and result["report"]["params"]["seed"] == 4
    with np.load(io.BytesIO(protocol.unpack_bytes(result["npz"]))) as arrays:
        assert arrays["seed"] == 4
    assert seen[-1] == ("tokens", 1.0, "Choosing tokens", None)
    assert client.alive and client.ready


def without_blocking(steps: Callable[[], None]) -> None:
    """Run steps that must come to an end, whatever the engine does."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            steps()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(HANGS)
    assert not thread.is_alive(), "it waits for the engine"
    if raised:
        raise raised[0]


def test_nothing_blocks_the_window(make_client: MakeClient) -> None:
    """The child answers when the next message has come, so waiting for the answer first would never end."""
    client = make_client(script("one = reader.read(); reader.read(); say(p.response(one['id'], 1)); time.sleep(60)"))

    def steps() -> None:
        request = client.request("first", {})
        until(client, lambda: client.ready)
        for _ in range(50):
            client.poll()
        assert request.state == "running"
        client.request("second", {})
        until(client, lambda: request.state == "done")

    without_blocking(steps)


def test_a_child_that_never_reads_does_not_block_the_window(make_client: MakeClient) -> None:
    client = make_client(script("time.sleep(60)"))
    client.start()
    until(client, lambda: client.ready)

    def steps() -> None:
        request = client.request("generate", {"audio": "x" * 5_000_000})
        client.poll()
        client.cancel(request)
        client.stop()
        assert request.state == "cancelled"

    without_blocking(steps)


def test_two_queued_requests(client: EngineClient) -> None:
    first, second = generate(client, "one"), generate(client, "two")
    assert client.wait(second, HANGS)["report"]["params"]["audio"] == "two"
    assert first.state == "done" and first.result["report"]["params"]["audio"] == "one"


def test_the_engine_stays_between_requests(client: EngineClient) -> None:
    assert_works(client)
    pid = client.pid
    assert_works(client)
    assert client.pid == pid


def test_cancel(make_client: MakeClient) -> None:
    client = make_client(cancel_grace=HANGS)  # however busy the computer is
    running, waiting = generate(client, "slow"), generate(client, "slow")
    until_dancing(client, running)
    pid = client.pid
    client.cancel(waiting)
    client.cancel(running)
    until(client, lambda: running.state == waiting.state == "cancelled")
    with pytest.raises(RequestCancelled):
        client.wait(running)
    assert_works(client)
    assert client.pid == pid  # it obeyed, so it lives
    client.cancel(running)  # too late: nothing happens
    assert running.state == "cancelled"


def test_cancel_before_the_engine_has_started(client: EngineClient) -> None:
    request = generate(client, "song")
    client.cancel(request)
    assert request.state == "cancelled"
    assert_works(client)


def test_an_engine_that_ignores_a_cancel_is_killed_after_a_second_and_the_next_in_line_is_served(
    client: EngineClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    hanging, behind = generate(client, "hang"), generate(client, "behind")
    until_dancing(client, hanging)
    pid = client.pid
    with monkeypatch.context() as patched:
        now = time.monotonic()
        patched.setattr("magma_blender.engine_host.client.time", SimpleNamespace(monotonic=lambda: now))
        client.cancel(hanging)
        now += 0.99
        client.poll()
        assert hanging.state == "running"
        now += 0.02
        client.poll()
        assert hanging.state == "cancelled"
    assert client.wait(behind, HANGS)["report"]["params"]["audio"] == "behind"
    assert client.pid != pid


def test_errors_of_the_engine_arrive_typed(client: EngineClient) -> None:
    request = generate(client, "fail")
    with pytest.raises(EngineRefused, match=r"The song is silent: choose another\.") as caught:
        client.wait(request, HANGS)
    assert caught.value.type == "AudioError"
    assert request.state == "failed" and request.error is caught.value
    with pytest.raises(EngineRefused, match="not enough memory"):
        client.wait(generate(client, "memory"), HANGS)
    with pytest.raises(EngineRefused, match="Internal error") as caught:
        client.wait(generate(client, "crash"), HANGS)
    assert "KeyError" in caught.value.details
    until_logged(client, "Traceback", 30)
    with pytest.raises(EngineRefused, match="does not know"):
        client.wait(client.request("dance", {}), HANGS)
    with pytest.raises(EngineRefused, match="cannot be sent"):
        client.wait(client.request("generate", {"audio": Path("x")}), HANGS)
    assert_works(client)


def test_prints_in_the_engine_go_to_the_log(client: EngineClient) -> None:
    client.wait(generate(client, "print"), HANGS)
    until_logged(client, "from a child process")


@pytest.mark.skipif(os.name != "posix", reason="kills with a POSIX signal")
def test_killed_while_idle_the_next_request_starts_a_new_one(client: EngineClient) -> None:
    assert_works(client)
    pid = client.pid
    assert pid
    os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):  # the client was quicker to collect it
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert_works(client)
    assert client.pid != pid


@pytest.mark.skipif(os.name != "posix", reason="kills with a POSIX signal")
@pytest.mark.parametrize("moment", ["start", "generation"])
def test_killed_while_working_says_so(client: EngineClient, moment: str) -> None:
    request = generate(client, "slow")
    if moment == "generation":
        until_dancing(client, request)
    assert client.pid
    os.kill(client.pid, signal.SIGKILL)
    with pytest.raises(EngineDied, match="SIGKILL") as caught:
        client.wait(request, HANGS)
    assert "out of memory" in str(caught.value)
    if moment == "generation":
        assert "slow" in caught.value.details
    assert not client.alive
    assert_works(client)


def test_an_engine_that_leaves_says_so(client: EngineClient) -> None:
    with pytest.raises(EngineDied, match="exit code 3") as caught:
        client.wait(generate(client, "die"), HANGS)
    assert "engine started" in caught.value.details and "dies now" in caught.value.details
    assert_works(client)


@pytest.mark.skipif(os.name != "posix", reason="finds the pipe by POSIX means")
def test_garbage_on_the_pipe(client: EngineClient) -> None:
    with pytest.raises(EngineDied, match="no message") as caught:
        client.wait(generate(client, "garbage"), HANGS)
    assert "garbage" in str(caught.value)
    assert not client.alive
    assert_works(client)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("sys.stdout.write('Content-Length: 99\\r\\n\\r\\n{'); sys.stdout.flush()", "ended .* bytes before the end"),
        ("sys.stdout.write('Content-Length: 99999999999\\r\\n\\r\\n'); sys.stdout.flush(); time.sleep(60)", "limit"),
        ("say({'id': reader.read()['id']}); time.sleep(60)", "without a result"),
        ("say(p.error_response(None, -32700, 'what?', 'X')); time.sleep(60)", "what?"),
        ("say(p.notification('progress', {'id': reader.read()['id'], 'stage': 1})); time.sleep(60)", "progress"),
        ("sys.stderr.write('No module named torch'); sys.exit(3)", "exit code 3"),
    ],
)
def test_children_that_break_the_protocol(make_client: MakeClient, code: str, words: str) -> None:
    client = make_client(script(code))
    with pytest.raises(EngineDied, match=words) as caught:
        client.wait(client.request("generate", {}), HANGS)
    assert caught.value.details == client.log_tail()
    if "torch" in code:
        assert "No module named torch" in caught.value.details
    assert not client.alive


@pytest.mark.parametrize("seed", range(8))
def test_any_messages_end_in_an_answer_or_one_sentence(make_client: MakeClient, seed: int) -> None:
    """An engine that is broken, or something else altogether: no traceback, no waiting for ever."""
    code = f"""
import random
rng = random.Random({seed})
values = [None, True, -1, 0, 1, 2, 3, 1e300, "", "x", "\\ud800\\0", [], {{}}, [1], {{"id": 2}}, {{"code": "x"}}]
values += [{{"message": 5}}, {{"id": 2, "stage": "x", "fraction": 9, "message": "m"}}, "A" * 10000]
values += ["progress", "motion", "hello"]
names = ["id", "id", "method", "params", "result", "error", "jsonrpc"]
one = reader.read()
for _ in range(200):
    message = {{name: rng.choice(values) for name in rng.sample(names, rng.randint(0, 4))}}
    is_end = message.get("id") == 2 or isinstance(message.get("error"), dict)
    if not is_end or rng.random() < 0.01:
        say(message)
say({{"id": rng.choice([2, 2, 77]), **rng.choice([{{"result": 1}}, {{}}, {{"error": {{"message": values}}}}])}})
"""
    client = make_client(script(code))
    try:
        client.wait(client.request("generate", {}), HANGS)
    except (EngineDied, EngineRefused) as error:
        assert len(str(error)) < 1000 and str(error).isprintable()
        str(error).encode()


def test_messages_that_mean_nothing_are_ignored(make_client: MakeClient) -> None:
    client = make_client(
        script(
            "say(p.notification('news', {})); say(p.response(77, 1)); say({'id': [1], 'result': 1})\n"
            "say(p.notification('progress', {'id': 77})); say(p.notification('progress', {}))\n"
            "say(p.response(reader.read()['id'], 'good')); time.sleep(60)"
        )
    )
    assert client.wait(client.request("generate", {}), HANGS) == "good"


@pytest.mark.parametrize("answer", ["{'protocol': 999}", "{}", "None", "[1]"])
def test_another_version_of_the_protocol(make_client: MakeClient, answer: str) -> None:
    code = f"""
import sys; sys.path.insert(0, {str(ROOT)!r})
from engine import protocol as p
sys.stdout.buffer.write(p.encode_message(p.response(p.MessageReader(sys.stdin.buffer).read()["id"], {answer})))
sys.stdout.buffer.flush()
import time; time.sleep(60)"""
    client = make_client([sys.executable, "-c", code])
    with pytest.raises(EngineTooOld, match="Clear Engine Python"):
        client.wait(generate(client, "song"), HANGS)
    assert not client.alive


def test_a_child_that_never_answers(make_client: MakeClient) -> None:
    client = make_client([sys.executable, "-c", "import time; time.sleep(60)"], hello_timeout=0.3)
    with pytest.raises(EngineTimeout, match=r"did not answer in 0\.3 s"):
        client.wait(generate(client, "song"), HANGS)
    assert not client.alive


def test_wait_gives_up_but_leaves_the_request_running(client: EngineClient) -> None:
    request = generate(client, "slow")
    with pytest.raises(EngineTimeout, match=r"has not finished generate in 0\.2 s"):
        client.wait(request, 0.2)
    assert request.state == "running"


def test_missing_interpreter_or_folder(make_client: MakeClient, tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("not a program")
    for command in (["no-such-python-anywhere"], [str(tmp_path / "gone" / "python")], [str(text)], [str(tmp_path)]):
        request = make_client(command).request("generate", {})
        assert request.state == "failed" and isinstance(request.error, EngineNotFound)
        assert command[0] in str(request.error) and "cannot be started" in str(request.error)


NO_PYTHON = ["no-such-python-anywhere"]
UNFIT = [sys.executable, "-c", f"import sys; sys.exit({start_engine.UNFIT})"]
SILENT = [sys.executable, "-c", "import time; time.sleep(60)"]


def test_the_first_python_that_starts_the_engine_is_used(make_client: MakeClient) -> None:
    client = make_client(NO_PYTHON, UNFIT, SILENT, FAKE, hello_timeout=3.0)
    first, second = generate(client, "song"), generate(client, "song")  # both wait for it
    assert client.wait(first, HANGS) and client.wait(second, HANGS)
    assert client.python == FAKE[0]
    assert_works(client)


def test_no_python_starts_the_engine(make_client: MakeClient) -> None:
    client = make_client(NO_PYTHON, UNFIT)
    for _ in range(2):  # it begins with the first one again: something may have been installed
        with pytest.raises(EngineNotFound, match=r"No Python 3\.\d+ that starts the engine was found") as caught:
            client.wait(generate(client, "song"), HANGS)
        assert "no-such-python-anywhere cannot be started (" in str(caught.value)
        assert f"{UNFIT[0]} ended with exit code {start_engine.UNFIT}" in str(caught.value)


def test_folders_with_unusual_names(make_client: MakeClient, tmp_path: Path) -> None:
    folder = tmp_path / "Ünï 日本 'x' 5%"
    folder.mkdir()
    for package in ("engine", "smpl_rig"):
        (folder / package).symlink_to(ROOT / package, target_is_directory=True)
    command = [*FAKE, "ok", *engine_command("python", folder)[1:]]
    client = make_client(command, folder=folder / "work", log_file=folder / "logs" / "engine.log")
    assert_works(client)
    until_logged(client, "done")


def test_the_childs_environment(make_client: MakeClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONHOME", "/blender/python")
    monkeypatch.setenv("PYTHONPATH", "/blender/scripts")
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    monkeypatch.setenv("LIBROSA_CACHE_DIR", "/full")
    monkeypatch.setenv("TORCH_LOGS", "nonsense")
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    names = ["PYTHONHOME", "PYTHONPATH", "NUMBA_DISABLE_JIT", "LIBROSA_CACHE_DIR", "TORCH_LOGS"]
    names += ["PYTHONNOUSERSITE", "OMP_NUM_THREADS", "MAGMA_CHECKPOINTS"]
    client = make_client(
        script(f"say(p.response(reader.read()['id'], [os.environ.get(name) for name in {names}])); time.sleep(60)"),
        environment={"MAGMA_CHECKPOINTS": "/more"},
    )
    assert client.wait(client.request("env", {}), HANGS) == [None] * 5 + ["1", "2", "/more"]


ASKS = """
sound = {"file": "song.mp3", "first": 3, "last": None}
asked = 0
while request := reader.read():
    if asked < TIMES and request["method"] == "generate":
        asked += 1
        say(p.error_response(request["id"], -32000, "It is no wav file.", "UndecodedError", {**sound, "first": FIRST}))
    elif "id" in request:
        say(p.response(request["id"], asked))
"""


class MadeUpDecoding:
    """Decodes in a few steps, or not at all."""

    def __init__(self, steps: int, fails: bool = False) -> None:
        self.steps, self.fails, self.cancelled = steps, fails, False

    def poll(self) -> bool:
        self.steps -= 1
        if self.fails:
            raise StripError("Blender cannot read it.")
        return self.steps < 0

    def cancel(self) -> None:
        self.cancelled = True


def asking(times: int, first: str = "3") -> list[str]:
    return script(ASKS.replace("TIMES", str(times)).replace("FIRST", first))


def test_a_sound_is_decoded_for_the_engine_and_the_request_sent_again(make_client: MakeClient) -> None:
    needed: list[NeededSound] = []

    def decode(sound: NeededSound) -> MadeUpDecoding:
        needed.append(sound)
        return MadeUpDecoding(steps=3)

    client = make_client(asking(2, "asked"), decode=decode)
    seen = []
    assert client.wait(generate(client, "song.mp3"), HANGS, lambda progress: seen.append(progress.message)) == 2
    assert needed == [NeededSound("song.mp3", first, None) for first in (1, 2)]
    assert "Decoding the song" in seen


def test_a_sound_that_nobody_can_decode(make_client: MakeClient) -> None:
    def message(times: int, **options: object) -> str:
        client = make_client(asking(times), **options)
        with pytest.raises(ClientError) as caught:
            client.wait(generate(client, "song.mp3"), HANGS)
        assert client.wait(client.request("doctor", {}), HANGS) == times  # it is not ended for that
        return str(caught.value)

    assert message(1) == "It is no wav file."
    assert message(1, decode=lambda _: MadeUpDecoding(2, fails=True)) == "Blender cannot read it."
    assert message(2, decode=lambda _: MadeUpDecoding(2)) == "It is no wav file."  # it did not help


def test_a_cancel_while_a_sound_is_decoded(make_client: MakeClient) -> None:
    decoding = MadeUpDecoding(steps=10**9)
    client = make_client(asking(1), decode=lambda _: decoding)
    request = generate(client, "song.mp3")
    while request.decoding is None:
        client.poll()
    client.cancel(request)
    assert request.state == "cancelled" and decoding.cancelled
    assert client.wait(client.request("doctor", {}), HANGS) == 1


def test_stop_ends_the_engine_and_may_be_repeated(client: EngineClient) -> None:
    client.stop()
    for audio in ("slow", "hang"):
        request = generate(client, audio)
        until_dancing(client, request)
        pid = client.pid
        client.stop()
        assert request.state == "cancelled" and not client.alive
        assert pid and not _exists(pid)
        client.stop()
    assert_works(client)


def test_the_engine_ends_with_blender(tmp_path: Path) -> None:
    """However the parent leaves: by its end (atexit) or killed (stdin closes)."""
    code = """
import os, sys
from pathlib import Path
from magma_blender.engine_host.client import EngineClient
client = EngineClient([sys.argv[2:]], folder=Path(sys.argv[1]).parent, log_file=Path(sys.argv[1]))
client.wait(client.request("doctor", {}), 30)
print(client.pid, flush=True)
"""
    dancing = """
dance = client.request("generate", {"audio": "slow"})
while dance.progress.stage != "tokens": client.poll()
"""
    for ending in ("", "os._exit(1)", dancing, dancing + "os._exit(1)"):
        command = [sys.executable, "-c", code + ending, str(tmp_path / "log.txt"), *FAKE]
        parent = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True, timeout=2 * HANGS)
        pid = int(parent.stdout)
        deadline = time.monotonic() + HANGS
        while _exists(pid):
            assert time.monotonic() < deadline, "the engine outlived its parent"
            time.sleep(0.02)


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        # An orphan that has ended but that nobody has reaped still has a number.
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (ProcessLookupError, FileNotFoundError):
        return False


def test_old_runs_are_not_shown_after_an_error(make_client: MakeClient, tmp_path: Path) -> None:
    client = make_client(log_file=tmp_path / "engine.log")
    assert_works(client)
    client.stop()
    assert_works(client)
    until_logged(client, "engine started", 1000)
    assert client.log_tail(1000).count("engine started") == 1
    until_logged(client, "done")
    assert len(client.log_tail(2).splitlines()) == 2
    assert (tmp_path / "engine.log").read_text().count("engine started") == 2


def test_an_engine_that_floods_its_log_neither_fills_the_disk_nor_stands_still(
    make_client: MakeClient, tmp_path: Path
) -> None:
    flood = "one = reader.read()\nfor _ in range(8): os.write(2, b'a warning of a library\\n' * 50_000)\n"
    client = make_client(script(flood + "say(p.response(one['id'], 'good')); time.sleep(60)"))
    assert client.wait(client.request("generate", {}), HANGS) == "good"
    client.stop()
    assert 0 < sum(file.stat().st_size for file in (tmp_path / "logs").iterdir()) <= LOG_LIMIT_BYTES


def test_a_refusal_of_a_megabyte_is_one_sentence(make_client: MakeClient) -> None:
    """An engine that quotes a whole document in its error must not fill the sidebar or a pop-up with it."""
    text = "'The dance ' + 'A' * 10**6 + chr(0xd800) + chr(10) + ' cannot be read.'"
    client = make_client(script(f"say(p.error_response(reader.read()['id'], -32000, {text}, 'X')); time.sleep(60)"))
    with pytest.raises(EngineRefused, match="The dance AAA") as caught:
        client.wait(client.request("edit", {}), HANGS)
    assert len(str(caught.value)) <= 600 and str(caught.value).isprintable()
    str(caught.value).encode()


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks for a process by Linux's means")
@pytest.mark.parametrize("moment", ["start", "generation"])
def test_an_engine_that_was_stopped_is_noticed_and_the_next_request_works(make_client: MakeClient, moment: str) -> None:
    """A user suspends the wrong process, or the computer swaps: the job must not wait for ever."""
    client = make_client(hello_timeout=3.0, silence=0.5, answer_time=5.0)
    request = generate(client, "hang")
    if moment == "generation":
        until_dancing(client, request)
    pid = client.pid
    assert pid
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(
        EngineTimeout, match="did not answer in" if moment == "start" else "stopped answering"
    ) as caught:
        client.wait(request, HANGS)
    assert "Try again" in str(caught.value) or "Check the engine's Python" in str(caught.value)
    until(client, lambda: not Path(f"/proc/{pid}").exists())  # not even as a zombie
    assert_works(make_client(FAKE))


@pytest.mark.skipif(os.name != "posix", reason="stops with a POSIX signal")
def test_a_stopped_engine_is_cancelled_all_the_same(make_client: MakeClient) -> None:
    client = make_client(cancel_grace=0.2)
    request = generate(client, "hang")
    until_dancing(client, request)
    pid = client.pid
    assert pid
    os.kill(pid, signal.SIGSTOP)
    client.cancel(request)
    until(client, lambda: request.state == "cancelled")
    until(client, lambda: not _exists(pid))
    assert_works(client)


def test_a_busy_engine_that_says_that_it_runs_is_left_alone(make_client: MakeClient) -> None:
    """The child computes without a word for longer than the limit, and answers when it is asked."""
    asked = "for _ in range(3):\n q = reader.read(); assert q['method'] == 'hello'; say(p.response(q['id'], {}))\n"
    client = make_client(
        script(f"one = reader.read()\n{asked}say(p.response(one['id'], 'good')); time.sleep(60)"),
        silence=0.05,
        answer_time=HANGS,
    )
    assert client.wait(client.request("generate", {}), HANGS) == "good"
    assert client.alive


def test_time_in_which_nobody_looked_is_no_silence_of_the_engine(
    client: EngineClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A laptop that slept for an hour, or a window that was busy: the engine is not killed for it."""
    request = generate(client, "slow")
    until_dancing(client, request)
    with monkeypatch.context() as patched:
        for hours in (1, 2, 3):  # after the first the engine would be asked, after the second be ended
            later = SimpleNamespace(monotonic=lambda slept=3600 * hours: time.monotonic() + slept)
            patched.setattr("magma_blender.engine_host.client.time", later)
            client.poll()
            assert request.state == "running"
    assert client.wait(request, HANGS)


def test_a_log_that_cannot_be_written_does_not_stop_the_dance(make_client: MakeClient, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    client = make_client(log_file=tmp_path / "file" / "engine.log")
    assert_works(client)
    until_logged(client, "no log")


def test_client_needs_neither_blender_nor_numpy() -> None:
    code = "import magma_blender.engine_host.client, sys; assert not {'bpy', 'numpy', 'torch'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_exits_in_words() -> None:
    assert describe_exit(3) == "ended with exit code 3"
    assert describe_exit(-11) == "was ended by SIGSEGV"
    assert describe_exit(-60) == "was ended by signal 60"
