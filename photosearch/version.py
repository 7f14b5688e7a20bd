"""The version of the code, as manifests and Dagster record it.

Read from the installed package, so that it is written down once, in pyproject.toml.
"""

from importlib.metadata import version

__version__ = version("photosearch")
CODE_VERSION = __version__
