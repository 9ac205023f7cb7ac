"""The fake engine without the time of its imports: one process makes them, and each engine is a fork of it.

    python forked_engine.py SOCKET FOLDER serve             waits for clients, until its stdin closes
    python -I -S forked_engine.py --client SOCKET MODE ...  as fake_engine.py MODE ... FOLDER serve

Blender's tests start hundreds of engines. The client is the process that the add-on knows: the fork has its pipes,
environment and working directory, the client ends as the fork did, and when the client is killed the fork is, too.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import sys

LENGTH = 8
"""Bytes that say how long what follows is, or how the fork ended."""
PIPES = (0, 1, 2)


def be_client(address: str, arguments: list[str]) -> None:
    """Have an engine forked for this process, and end as it does."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(address)
        folder = os.getcwd()  # noqa: PTH109 - pathlib takes as long to load as the rest
        request = json.dumps([arguments, folder, dict(os.environ)]).encode()
        socket.send_fds(connection, [len(request).to_bytes(LENGTH, "big")], PIPES)
        connection.sendall(request)
        for pipe in PIPES:
            os.close(pipe)
        code = int.from_bytes(connection.recv(LENGTH), "big", signed=True)
    if code < 0:
        os.kill(os.getpid(), -code)
    os._exit(code)


def wait_for_client(address: str) -> socket.socket:
    """In a process of its own for each client: the connection to it. The first one ends when its stdin closes."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how these processes end
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        print("ready", flush=True)
        while listener in select.select([listener, 0], [], [])[0]:
            connection = listener.accept()[0]
            if os.fork() == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                return connection
            connection.close()
    sys.exit()


def fork_for(connection: socket.socket) -> str:
    """In a fork that has become what the client is: its MODE. This process waits for the end of either, and ends."""
    header, pipes, *_ = socket.recv_fds(connection, LENGTH, len(PIPES))
    with connection.makefile("rb") as stream:
        arguments, folder, environment = json.loads(stream.read(int.from_bytes(header, "big")))
    here, there = socket.socketpair()  # the other end closes with the fork
    fork = os.fork()
    if fork:
        there.close()
        for pipe in (*PIPES, *pipes):
            os.close(pipe)
        if here not in select.select([connection, here], [], [])[0]:
            os.kill(fork, signal.SIGKILL)
        code = os.waitstatus_to_exitcode(os.waitpid(fork, 0)[1])
        connection.sendall(code.to_bytes(LENGTH, "big", signed=True))
        os._exit(0)
    connection.close()
    here.close()
    there.detach()
    for pipe, own in zip(pipes, PIPES, strict=True):
        os.dup2(pipe, own)
        os.close(pipe)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv[1:] = arguments
    return arguments[0]


if __name__ == "__main__":
    if sys.argv[1] == "--client":
        be_client(sys.argv[2], sys.argv[3:])
    import fake_engine

    fake_engine.main(fork_for(wait_for_client(sys.argv[1])))
    os._exit(0)  # without the time that a whole Python takes to be tidied up
