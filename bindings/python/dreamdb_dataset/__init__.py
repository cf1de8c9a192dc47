"""The package `dreamdb` under the name that older scripts import; its classes are the same."""

from dreamdb import *  # noqa: F403
from dreamdb import __all__, __version__  # noqa: F401
