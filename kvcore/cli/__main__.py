"""``python -m kvcore.cli``: the same as the console script."""

from kvcore.cli import main

if __name__ == "__main__":
    main()
