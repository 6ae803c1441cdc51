"""Where machine code is kept from one process to the next.

Numba looks at the file of a function to tell whether what it kept is still true, but not at the
files of the functions that this one calls. So the folder is named for all the sources that machine
code is made from: whoever changes one of them gets another folder.
"""

import hashlib
import os
import sys
import tempfile
from pathlib import Path
from typing import Final

import numba

_ROOT: Final = Path(__file__).parents[2]
_SOURCES: Final = ("policies", "scenarios", "sim")


def choose_cache_folder() -> None:
    """Let Numba keep machine code in a folder of these sources, unless NUMBA_CACHE_DIR names one.

    It is under ``XDG_CACHE_HOME``, or ``~/.cache``; where that cannot be written, under the
    folder for temporary files. To be called before anything is compiled.
    """
    if not numba.config.CACHE_DIR:  # type: ignore[attr-defined]  # made of environment variables
        folder = _cache_root() / "wavetank" / _sources_hash()
        numba.config.CACHE_DIR = str(folder)  # type: ignore[attr-defined]  # likewise


def is_compiled() -> bool:
    """Return whether the event loop's machine code has been kept, for this Python."""
    choose_cache_folder()
    python = f"py{sys.version_info.major}{sys.version_info.minor}"
    folder = Path(numba.config.CACHE_DIR)  # type: ignore[attr-defined]  # as above
    return any(folder.rglob(f"loop.advance-*.{python}*.nbc"))


def _cache_root() -> Path:
    root = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError:
        return Path(tempfile.gettempdir())
    return root if os.access(root, os.W_OK) else Path(tempfile.gettempdir())


def _sources_hash() -> str:
    content = hashlib.blake2b(digest_size=8)
    for folder in _SOURCES:
        for path in sorted((_ROOT / folder).rglob("*.py")):
            content.update(path.read_bytes())
    return content.hexdigest()
