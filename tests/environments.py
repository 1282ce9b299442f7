"""Python environments of their own, which see the installed libraries and not the checkout."""

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path


class Environment:
    """A virtual environment in a folder, whose programs are called from another folder.

    The libraries of the running environment are seen by a line in a `.pth` file. Python reads such lines in an
    environment's own folder only, so the line by which the checkout is installed there does not count.

    Args:
        folder: Folder of the environment, made anew.
    """

    def __init__(self, folder: Path) -> None:
        venv.create(folder, symlinks=os.name != "nt")
        self.folder = folder
        libraries = dict.fromkeys(sysconfig.get_path(kind) for kind in ("purelib", "platlib"))
        (self.site_packages / "libraries.pth").write_text("\n".join(libraries), encoding="utf-8")

    @property
    def site_packages(self) -> Path:
        """Folder that packages are installed into."""
        return Path(sysconfig.get_path("purelib", "venv", {"base": str(self.folder), "platbase": str(self.folder)}))

    def program(self, name: str) -> str:
        """Path of a program of the environment."""
        return str(Path(sysconfig.get_path("scripts", "venv", {"base": str(self.folder)})) / name)

    def install(self, wheel: Path) -> None:
        """Install a wheel without what it depends on."""
        call = [sys.executable, "-m", "pip", "--python", self.program("python"), "install", "--quiet"]
        options = ["--no-deps", "--no-index", "--disable-pip-version-check"]
        subprocess.run([*call, *options, str(wheel)], check=True)

    def run(self, folder: Path, *argv: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Call a program from a folder.

        Args:
            folder: Working folder.
            argv: Name of the program and its arguments.
            variables: Environment variables besides those of this process, which lose what Python's own path hangs on.
        """
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        call = [self.program(argv[0]), *argv[1:]]
        return subprocess.run(
            call,
            cwd=folder,
            env=inherited | {"PYTHONUTF8": "1"} | variables,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
