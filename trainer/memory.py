"""How a training on the processor gets its memory."""

from __future__ import annotations

import ctypes
import platform

# <malloc.h>
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4


def keep_freed_memory() -> None:
    """Tell the GNU C library to keep freed memory for the next step; nothing happens with another one.

    It would give every large tensor back to the system and get it again, zeroed page by page, some hundred times a
    step.
    """
    if platform.libc_ver()[0] != "glibc":
        return
    libc = ctypes.CDLL(None)
    libc.mallopt(_M_TRIM_THRESHOLD, -1)  # never
    libc.mallopt(_M_MMAP_MAX, 0)
