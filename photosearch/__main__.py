"""``python -m photosearch``: the command line for processes that we start ourselves.

They run with the interpreter that runs us, whether or not its scripts are on PATH.
"""

from photosearch.cli import main

main()
