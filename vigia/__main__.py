"""`python -m vigia` is the same as `vigia`."""

from vigia.cli import main

if __name__ == "__main__":
    main()
