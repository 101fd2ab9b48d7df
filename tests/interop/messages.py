"""The messages that both sides of a compressed conversation know, from the file that the test wrote.

For each message one byte (1: text, 2: in fragments), its length in four bytes, and its bytes.
"""

import pathlib


def read(path):
    rest = pathlib.Path(path).read_bytes()
    messages = []
    while rest:
        flags, length = rest[0], int.from_bytes(rest[1:5], "big")
        payload, rest = rest[5 : 5 + length], rest[5 + length :]
        messages.append((payload.decode() if flags & 1 else payload, bool(flags & 2)))
    return messages


def pieces(message):
    """An empty one among them."""
    third = len(message) // 3
    return [message[:third], message[third:third], message[third:-1], message[-1:]]


def check(got, wanted, number):
    assert got == wanted, f"message {number}: {got[:60]!r} of {len(got)}, not {wanted[:60]!r} of {len(wanted)}"
