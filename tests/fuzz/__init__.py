"""A fuzzer of the engine: messages to a real server, and files of every kind that it reads.

    python -m tests.fuzz --messages 2000 --files 300 --seed 1

Everything is refused in a sentence or gives a right result: no internal error, no hang, no end of the process. The same
numbers give the same cases; a case that fails is printed with its number.
"""
