"""Runs the Autobahn Testsuite's `wstest`, which is Python 2 source, under Python 3.

    python3 wstest.py -m fuzzingclient -s SPEC.json      (the arguments are wstest's own)

What is installed stays as it is: an import hook reads the sources of `autobahntestsuite` as Latin-1, changes the syntax
that Python 3 doesn't know, and compiles the result. A Python 2 string thus becomes a text of the characters 0 to 255,
one for each byte, in all of the testsuite; such texts turn into bytes, and bytes into such texts, where the testsuite
meets autobahn 0.10.9, the WebSocket engine that it pins, which runs on Python 3 as it is.
"""

import ast
import importlib.abc
import importlib.machinery
import os
import re
import sys

PACKAGE = "autobahntestsuite"

# Syntax that Python 3 refuses, and the few things that it understands otherwise.
SUBSTITUTIONS = [
    (r'\bprint (""".*?""" % str\(e\))', r"print(\1)"),
    (r"(?m)^(\s*)print$", r"\1print()"),
    (r"(?m)^(\s*)print (?!\()(.*)$", r"\1print(\2)"),
    (r"\bexcept ([\w.]+), (\w+):", r"except \1 as \2:"),
    (r"(?m)\braise ([\w.]+), \($", r"raise \1("),
    (r"(?m)\braise ([\w.]+), (.*)$", r"raise \1(\2)"),
    (r"= 0([0-7]+)\b", r"= 0o\1"),
    # A class of the old kind had no base; now `object` before another class has no method order.
    (r"\(object, Case, \)", "(Case, )"),
    # Equal values no longer pickle alike when one of them holds an object twice.
    (r"pickle\.dumps\(obj1\) == pickle\.dumps\(obj2\)", "obj1 == obj2"),
    # A mode for WAMP, with dependencies of its own.
    (r"(?m)^import serializer$", "serializer = None"),
    # Only in a case that isn't run.
    (r"from zope\.interface import implements\b", "implements = lambda *interfaces: None"),
    (r"\bm\.update\(msg\)", "m.update(_octets(msg))"),
    (r"\bv\.validate\(vss\[:i\]\)", "v.validate(_octets(vss[:i]))"),
]


def octets(value):
    """The bytes that a Python 2 string held."""
    return value.encode("latin-1") if isinstance(value, str) else value


def native(value):
    """What Python 2 held where Python 3 has bytes, within lists, tuples and dicts, too."""
    if isinstance(value, (bytes, bytearray)):
        return value.decode("latin-1")
    if isinstance(value, (list, tuple)):
        return type(value)(native(item) for item in value)
    if isinstance(value, dict):
        return {native(key): native(item) for key, item in value.items()}
    return value


def divide(left, right):
    return left // right if isinstance(left, int) and isinstance(right, int) else left / right


def open_latin(path, mode="r"):
    return open(path, mode.replace("b", ""), encoding="latin-1", errors="backslashreplace", newline="")


# What the compiled modules find beside Python 3's builtins.
GLOBALS = {
    "xrange": range,
    "unichr": chr,
    "unicode": str,
    "long": int,
    "open": open_latin,
    "_octets": octets,
    "_divide": divide,
    "_hex": lambda value: octets(value).hex(),
    "_encode": lambda value, *how, **named: value.encode(*how, **named).decode("latin-1"),
    "_decode": lambda value, *how, **named: octets(value).decode(*how, **named),
}


class Translate(ast.NodeTransformer):
    """What is grammatical in both languages and means another thing."""

    def __init__(self, folder):
        self.folder = folder

    def is_sibling(self, name):
        path = os.path.join(self.folder, name)
        return os.path.isfile(path + ".py") or os.path.isdir(path)

    def visit_Import(self, node):
        # An implicit relative import.
        if any(self.is_sibling(alias.name) for alias in node.names):
            return ast.copy_location(ast.ImportFrom(module=None, names=node.names, level=1), node)
        return node

    def visit_ImportFrom(self, node):
        if node.level == 0 and self.is_sibling(node.module):
            node.level = 1
        return node

    def visit_BinOp(self, node):
        self.generic_visit(node)
        if isinstance(node.op, ast.Div):
            return self.call("_divide", [node.left, node.right], [], node)
        return node

    def visit_Call(self, node):
        self.generic_visit(node)
        if not isinstance(node.func, ast.Attribute):
            return node
        if node.func.attr == "has_key":
            node.func.attr = "__contains__"
        elif node.func.attr in ("b2a_hex", "hexlify"):
            return self.call("_hex", node.args, [], node)
        elif node.func.attr in ("encode", "decode"):
            return self.call("_" + node.func.attr, [node.func.value, *node.args], node.keywords, node)
        return node

    @staticmethod
    def call(name, arguments, keywords, node):
        function = ast.Name(id=name, ctx=ast.Load())
        return ast.copy_location(ast.Call(func=function, args=arguments, keywords=keywords), node)


class Loader(importlib.machinery.SourceFileLoader):
    def get_code(self, fullname):
        path = self.get_filename(fullname)
        with open(path, encoding="latin-1") as file:
            source = file.read()
        for pattern, replacement in SUBSTITUTIONS:
            source = re.sub(pattern, replacement, source, flags=re.DOTALL if '"""' in pattern else 0)
        tree = Translate(os.path.dirname(path)).visit(ast.parse(source, path))
        return compile(ast.fix_missing_locations(tree), path, "exec", dont_inherit=True)

    def exec_module(self, module):
        module.__dict__.update(GLOBALS)
        super().exec_module(module)
        if module.__name__ == PACKAGE + ".fuzzing":
            bridge(module)


class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, fullname, path=None, target=None):
        if fullname.split(".")[0] != PACKAGE:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None and isinstance(spec.loader, importlib.machinery.SourceFileLoader):
            spec.loader = Loader(spec.loader.name, spec.loader.path)
        return spec


def bridge(fuzzing):
    """Texts become bytes on their way into autobahn, and bytes texts on their way out of it."""
    protocol = fuzzing.FuzzingProtocol

    def going(name):
        def call(self, *arguments, **named):
            return getattr(super(protocol, self), name)(
                *(octets(value) for value in arguments), **{key: octets(value) for key, value in named.items()}
            )

        setattr(protocol, name, call)

    def send_frame(self, *arguments, payload="", payload_len=None, **named):
        # The one line of autobahn that Python 3 takes amiss repeats the payload, dividing for how often.
        if payload_len is not None:
            payload = (payload * (payload_len // len(payload) + 1))[:payload_len]
        return super(protocol, self).sendFrame(*arguments, payload=octets(payload), **named)

    def coming(owner, name, is_wanted=lambda self: True):
        inner = getattr(owner, name)

        def call(self, *arguments):
            return inner(self, *(native(arguments) if is_wanted(self) else arguments))

        setattr(owner, name, call)

    protocol.sendFrame = send_frame
    for name in ("sendMessage", "sendMessageFrameData", "sendCloseFrame", "sendPing", "sendPong"):
        going(name)
    for name in ("onMessage", "onPong"):
        coming(protocol, name)
    for name in ("logRxOctets", "logTxOctets", "logRxFrame", "logTxFrame"):
        # Without a log they look at lengths alone.
        coming(protocol, name, lambda self: self.createWirelog)
    coming(fuzzing.FuzzingFactory, "logCase")


def main():
    sys.meta_path.insert(0, Finder())
    sys.dont_write_bytecode = True
    from autobahntestsuite import wstest

    wstest.run()


if __name__ == "__main__":
    main()
