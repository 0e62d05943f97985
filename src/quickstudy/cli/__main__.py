"""`python -m quickstudy.cli` is the command `quickstudy`."""

from quickstudy.cli.main import main

if __name__ == "__main__":
    main()
