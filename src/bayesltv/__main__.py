"""``python -m bayesltv`` is the command ``bayesltv``."""

from bayesltv.cli import main

if __name__ == "__main__":
    main()
