"""``python -m kvcore.cli``: the same as the console script."""

from kvcore.cli import main

main()
