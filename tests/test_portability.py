"""The package runs on Linux, macOS and Windows: what is different there is asked for, or not used."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "hrtem_lab"
MODULES = sorted(PACKAGE.rglob("*.py"))

OPENS_TEXT = {"open", "read_text", "write_text", "fdopen", "NamedTemporaryFile", "TemporaryFile"}
OPENS_SOMETHING_ELSE = {
    *("Image", "os", "backend", "zarr", "spec", "webbrowser", "browser", "layout", "FolderLayout", "build", "jobs"),
}
"""Objects whose `open` opens no text file."""
POSIX_ONLY = {
    *("fork", "forkpty", "getuid", "geteuid", "getgid", "getpgid", "getppgid", "killpg", "mkfifo", "nice", "setsid"),
    *("sched_getaffinity", "symlink", "symlink_to", "readlink", "uname", "chown", "statvfs", "getloadavg", "wait4"),
    *("SIGKILL", "SIGALRM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGCHLD", "SIGTSTP", "pthread_sigmask", "alarm", "pause"),
}
"""Attributes of `os`, `signal` and paths that Windows lacks, or that few of its users may use."""
POSIX_MODULES = {"fcntl", "grp", "pty", "pwd", "resource", "syslog", "termios"}
POSIX_FOLDERS = ("/tmp", "/dev/", "/proc/", "/var/", "/usr/", "/etc/", "/home/")


def name_of(node: ast.expr) -> str:
    """The last part of a dotted name; empty for other expressions."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def unportable(source: str) -> Iterator[str]:
    """What a source does that is different, or missing, on another system.

    A function that asks for `sys.platform` may use what only one system has, and one that expects an `ImportError` may
    import it.
    """
    tree = ast.parse(source)
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    aware = [function for function in functions if "sys.platform" in ast.unparse(function)]
    exempt = {id(node) for function in aware for node in ast.walk(function)}
    tried = [node for node in ast.walk(tree) if isinstance(node, ast.Try) and "ImportError" in ast.unparse(node)]
    exempt |= {id(node) for block in tried for node in block.body}
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and is_text_in_some_encoding(node):
            yield f"no encoding: {ast.unparse(node)}"
        elif isinstance(node, ast.Attribute) and node.attr in POSIX_ONLY and id(node) not in exempt:
            if name_of(node.value) in ("os", "signal") or node.attr in ("symlink_to", "readlink"):
                yield f"not on Windows: {ast.unparse(node)}"
        elif isinstance(node, ast.Import | ast.ImportFrom) and id(node) not in exempt:
            names = {alias.name for alias in node.names} if isinstance(node, ast.Import) else {node.module}
            yield from (f"not on Windows: import {name}" for name in sorted(POSIX_MODULES & names))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            if node.value.startswith(POSIX_FOLDERS) and id(node) not in exempt:
                yield f"not on Windows: {node.value}"
            if node.value in ("fork", "forkserver"):
                yield f"not on Windows: {node.value}"


def is_text_in_some_encoding(call: ast.Call) -> bool:
    """Whether a call reads or writes text in the encoding that the system happens to have."""
    keywords = {keyword.arg: keyword.value for keyword in call.keywords}
    if "encoding" in keywords:
        return False
    if "text" in keywords or "universal_newlines" in keywords:  # of a process
        return True
    name = name_of(call.func)
    if name not in OPENS_TEXT or (isinstance(call.func, ast.Name) and name == "write_text"):  # ours has an encoding
        return False
    if isinstance(call.func, ast.Attribute):
        opened = call.func.value
        if name_of(opened.func if isinstance(opened, ast.Call) else opened) in OPENS_SOMETHING_ELSE:
            return False
    modes = [*call.args, *([keywords["mode"]] if "mode" in keywords else [])]
    is_binary = any(all(is_constant_with_b(way) for way in alternatives(mode)) for mode in modes)
    opens_binary_by_default = name in ("NamedTemporaryFile", "TemporaryFile") and not modes
    return not (is_binary or opens_binary_by_default)


def alternatives(node: ast.expr) -> list[ast.expr]:
    """The two values of a conditional expression, or the expression itself."""
    return [node.body, node.orelse] if isinstance(node, ast.IfExp) else [node]


def is_constant_with_b(node: ast.expr) -> bool:
    """Whether an expression is a constant with a b in it, as the modes of binary files have."""
    return isinstance(node, ast.Constant) and "b" in str(node.value)


@pytest.mark.parametrize("file", MODULES, ids=lambda file: file.relative_to(PACKAGE).as_posix())
def test_a_module_needs_nothing_that_one_system_has(file: Path) -> None:
    assert list(unportable(file.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "source",
    [
        "open('a')",
        "Path('a').open()",
        "path.open('w')",
        "path.read_text()",
        "path.write_text('a')",
        "tempfile.NamedTemporaryFile('w')",
        "subprocess.run(['git'], text=True)",
        "os.fork()",
        "os.kill(1, signal.SIGKILL)",
        "path.symlink_to('b')",
        "import fcntl",
        "from resource import getrusage",
        "folder = '/tmp/x'",
        "get_context('fork')",
    ],
)
def test_what_is_not_portable_is_seen(source: str) -> None:
    assert list(unportable(source))


@pytest.mark.parametrize(
    "source",
    [
        "open('a', 'rb')",
        "open('a', encoding='utf-8')",
        "path.open(mode='wb')",
        "path.read_text(encoding='utf-8')",
        "Image.open('a')",
        "tempfile.NamedTemporaryFile()",
        "subprocess.run(['git'], text=True, encoding='utf-8')",
        "signal.signal(signal.SIGTERM, handler)",
        "def f():\n    if sys.platform == 'win32':\n        return\n    os.nice(1)",
        "get_context('spawn')",
        "try:\n    import resource\nexcept ImportError:\n    pass",
    ],
)
def test_what_is_portable_passes(source: str) -> None:
    assert list(unportable(source)) == []
