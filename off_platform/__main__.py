"""`python -m off_platform`: the command line."""

from off_platform.cli.main import main

if __name__ == "__main__":
    main()
