"""`python -m proxy` is the `crossfade` command."""

from proxy.cli.main import main

main()
