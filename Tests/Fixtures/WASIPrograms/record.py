#!/usr/bin/env python3
"""Runs the programs under Wasmtime and writes what came of it into cases.json.

    python3 -m venv .venv-peers && .venv-peers/bin/pip install wasmtime==50.0.1
    .venv-peers/bin/python Tests/Fixtures/WASIPrograms/record.py [--check] [--corpus FOLDER] [NAME...]

With --check nothing is written: it prints what differs from cases.json, and exits with 1 if anything does. NAMEs are
parts of the names of cases. FOLDER holds qjs.wasm (else it is looked for where the tests do: corpus/ in
MAYFLY_TEST_DATA or ../shared).

A case in cases.json:

    name, program       the program is a module beside this file, or "qjs" for QuickJS
    arguments           contents, without the program's name; environment: a dictionary
    input               contents, in which a list may also have {"pause": milliseconds}, and at its end {"hold": true}:
                        the pipe stays open until the program ends
    directory           what lies in the directory that the program has as "/": nodes; access: "readOnly" or nothing
    expected            written by this script: code, output, errors, and the directory afterwards if it has changed
    difference          where Mayfly is right to do something else: reason; replaced, a dictionary of parts of output
                        and errors with what there is instead; and directory, if that differs

Contents are a text, {"text": ..., "repeat": times}, {"base64": ...}, {"source": name of a file beside this one}, a list
of contents, or, if they are expected and long, {"size": ..., "digest": FNV-1a of 64 bits}.

A node is a path with contents (a file), with target (a symbolic link), with original (a hard link) or without anything
(a directory). With "repeat" it is so many nodes, with their numbers from 1 for "#" in the path. In what is expected
files have links, the number of their names.
"""

import argparse
import base64
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
CASES = HERE / "cases.json"
LONGEST_TEXT = 2000


# Contents and directories


def bytes_of(contents):
    if isinstance(contents, str):
        return contents.encode()
    if isinstance(contents, list):
        return b"".join(map(bytes_of, contents))
    if "text" in contents:
        return contents["text"].encode() * contents.get("repeat", 1)
    if "source" in contents:
        return (HERE / contents["source"]).read_bytes()
    return base64.b64decode(contents["base64"])


def contents_of(data):
    if len(data) > LONGEST_TEXT:
        digest = 0xCBF29CE484222325
        for byte in data:
            digest = (digest ^ byte) * 0x100000001B3 % 2**64
        return {"size": len(data), "digest": f"{digest:016x}"}
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}
    # Easier to read.
    lines = text.splitlines(keepends=True)
    return lines if len(lines) > 1 and len(text) > 80 else text


def expanded(nodes):
    for node in nodes:
        for number in range(1, node.get("repeat", 1) + 1):
            path = node["path"].replace("#", str(number)) if "repeat" in node else node["path"]
            yield node | {"path": path}


def build_tree(root, nodes):
    for node in expanded(nodes):
        path = root / node["path"]
        if "contents" in node:
            path.write_bytes(bytes_of(node["contents"]))
        elif "target" in node:
            path.symlink_to(node["target"])
        elif "original" in node:
            path.hardlink_to(root / node["original"])
        else:
            path.mkdir()


def read_tree(root):
    nodes = []
    for path in root.rglob("*"):
        node = {"path": path.relative_to(root).as_posix()}
        if path.is_symlink():
            node["target"] = os.readlink(path)
        elif path.is_file():
            node |= {"contents": contents_of(path.read_bytes()), "links": path.stat().st_nlink}
        nodes.append(node)
    # As bytes, which is how the tests compare.
    return sorted(nodes, key=lambda node: os.fsencode(node["path"]))


# Running


def guest(module, root, description):
    """The other side of run(): a process of its own, whose standard streams are the program's."""
    import wasmtime

    case = json.loads(description)
    config = wasmtime.WasiConfig()
    config.argv = [case["program"], *(bytes_of(argument).decode() for argument in case.get("arguments", []))]
    config.env = sorted(case.get("environment", {}).items())
    config.inherit_stdin()
    config.inherit_stdout()
    config.inherit_stderr()
    config.preopen_dir(root, "/", case.get("access") != "readOnly")
    engine = wasmtime.Engine()
    store = wasmtime.Store(engine)
    store.set_wasi(config)
    linker = wasmtime.Linker(engine)
    linker.define_wasi()
    instance = linker.instantiate(store, wasmtime.Module.deserialize_file(engine, module))
    try:
        instance.exports(store)["_start"](store)
    except wasmtime.ExitTrap as exit:
        sys.exit(exit.code)


def feed(pipe, pieces, has_ended):
    try:
        for piece in pieces:
            if isinstance(piece, dict) and "pause" in piece:
                time.sleep(piece["pause"] / 1000)
            elif isinstance(piece, dict) and "hold" in piece:
                has_ended.wait()
            else:
                pipe.write(bytes_of(piece))
                pipe.flush()
        pipe.close()
    except BrokenPipeError:
        pass


def run(case, module):
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        build_tree(root, case.get("directory", []))
        before = read_tree(root)
        process = subprocess.Popen(
            [sys.executable, __file__, "--guest", module, folder, json.dumps(case)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        pieces = case.get("input", "")
        has_ended = threading.Event()
        feeder = threading.Thread(
            target=feed, args=(process.stdin, pieces if isinstance(pieces, list) else [pieces], has_ended))
        feeder.start()
        collected = {}

        def collect(name, pipe):
            collected[name] = pipe.read()

        collectors = [threading.Thread(target=collect, args=pair)
                      for pair in (("output", process.stdout), ("errors", process.stderr))]
        for collector in collectors:
            collector.start()
        code = process.wait()
        has_ended.set()
        for thread in (feeder, *collectors):
            thread.join()
        expected = {"code": code}
        expected |= {name: contents_of(collected[name]) for name in ("output", "errors") if collected[name]}
        after = read_tree(root)
        return expected if after == before else expected | {"directory": after}


def compiled(programs, corpus, folder):
    """Every program, compiled once: a case is a process."""
    import wasmtime

    engine = wasmtime.Engine()
    for program in programs:
        source = corpus / "qjs.wasm" if program == "qjs" else HERE / f"{program}.wasm"
        (pathlib.Path(folder) / program).write_bytes(wasmtime.Module.from_file(engine, str(source)).serialize())


# The file


def formatted(value, indent=0, prefix=""):
    """JSON with as much on a line as fits."""
    line = json.dumps(value, ensure_ascii=False)
    if len(line) + indent + len(prefix) < 118 and not (isinstance(value, dict) and "name" in value):
        return line
    inner = " " * (indent + 2)
    if isinstance(value, dict) and value:
        keys = [json.dumps(key, ensure_ascii=False) + ": " for key in value]
        items = [key + formatted(item, indent + 2, key) for key, item in zip(keys, value.values())]
        return "{\n" + ",\n".join(inner + item for item in items) + "\n" + " " * indent + "}"
    if isinstance(value, list) and value:
        items = [formatted(item, indent + 2) for item in value]
        lines = [inner + items[0]]
        for item, previous in zip(items[1:], value):
            is_word = isinstance(previous, str) and not previous.endswith("\n")
            if is_word and "\n" not in item and len(lines[-1]) + len(item) < 116:
                lines[-1] += ", " + item
            else:
                lines[-1] += ","
                lines.append(inner + item)
        return "[\n" + "\n".join(lines) + "\n" + " " * indent + "]"
    return line


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--corpus", type=pathlib.Path)
    parser.add_argument("names", nargs="*", metavar="NAME")
    options = parser.parse_args()
    data = pathlib.Path(os.environ.get("MAYFLY_TEST_DATA", HERE.parents[3] / "shared"))
    corpus = options.corpus or data / "corpus"

    cases = json.loads(CASES.read_text())
    chosen = [case for case in cases if not options.names or any(name in case["name"] for name in options.names)]
    differences = 0
    with tempfile.TemporaryDirectory() as folder:
        compiled({case["program"] for case in chosen}, corpus, folder)
        for case in chosen:
            result = run(case, os.path.join(folder, case["program"]))
            if options.check and result != case.get("expected"):
                differences += 1
                print(f"{case['name']}: expected\n{formatted(case.get('expected'))}\nand got\n{formatted(result)}")
            case["expected"] = result
            if "difference" in case:
                case["difference"] = case.pop("difference")  # behind what it differs from
    if options.check:
        print(f"{len(chosen)} cases, {differences} differ")
        return 1 if differences else 0
    CASES.write_text(formatted(cases) + "\n")
    print(f"{len(chosen)} cases recorded")
    return 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--guest"]:
        guest(*sys.argv[2:])
    else:
        sys.exit(main())
