"""Compiles the hot path with mypyc, in place: `python -m scripts.compile`.

Needs a C compiler; without one Crossfade runs from its sources, slower and otherwise
the same. Nothing is done when the sources have not changed. CROSSFADE_OPTIMISE=0 takes a
third of the time and makes slower code: for trying out whether it compiles.
"""

import json
import os
import shutil
import sys
import sysconfig
import tempfile
from pathlib import Path

from proxy.compiled import HOME, MODULES, STAMP, made_from, stamped


def remove() -> None:
    STAMP.unlink(missing_ok=True)
    for found in HOME.rglob("*.so"):
        found.unlink()


def compile_in_place() -> None:
    from mypyc.build import mypycify
    from setuptools import Distribution  # type: ignore[import-untyped]
    from setuptools.command.build_ext import build_ext  # type: ignore[import-untyped]

    sources = made_from()
    remove()
    with tempfile.TemporaryDirectory() as build:
        paths = [f"proxy/{module}.py" for module in MODULES]
        modules = mypycify(
            paths,
            opt_level=os.environ.get("CROSSFADE_OPTIMISE", "3"),
            debug_level="0",
            group_name="proxy.hot",
            target_dir=build,
        )
        command = build_ext(Distribution({"name": "crossfade", "ext_modules": modules}))
        command.inplace = True
        command.build_temp = build
        command.ensure_finalized()
        command.run()
    STAMP.write_text(json.dumps(sources, indent=1) + "\n")


def obstacle() -> str | None:
    """What is missing for a compilation, or None."""
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    if shutil.which(compiler) is None:
        return f"there is no C compiler ({compiler})"
    if not (Path(sysconfig.get_path("include")) / "Python.h").exists():
        return "Python's headers are missing (on Debian: the package python3-dev)"
    return None


def main() -> int:
    if stamped() == made_from():
        return 0
    missing = obstacle()
    if missing is not None:
        print(f"compile: {missing}; Crossfade runs from its sources, slower", file=sys.stderr)
        return 0
    print("compile: compiling the hot path, about half a minute", file=sys.stderr)
    compile_in_place()
    return 0


if __name__ == "__main__":
    sys.exit(main())
