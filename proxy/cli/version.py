"""`crossfade version`."""

import platform

import typer

from proxy import HOT_PATH, __version__


def command() -> None:
    """Print the versions of Crossfade and of Python, and what the hot path runs from."""
    typer.echo(f"crossfade {__version__} (Python {platform.python_version()}, hot path {HOT_PATH})")
