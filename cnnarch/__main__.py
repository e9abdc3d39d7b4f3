"""`python -m cnnarch`."""

from cnnarch.cli import main

main()
