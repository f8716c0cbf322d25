"""What kind of medium a directory is on."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from tusd_py.transfer.calls import Medium

_MOUNTS: Final = Path("/proc/self/mountinfo")
_MEMORY: Final = frozenset({"tmpfs", "ramfs"})
#: Calls to these wait for another machine, or for another process.
_REMOTE: Final = re.compile(
    r"nfs\d?|cifs|smb\d|smbfs|9p|virtiofs|ceph|glusterfs|lustre|gpfs|beegfs|orangefs|afs|coda|ncpfs|fuse.*"
)


def medium_of(directory: Path) -> Medium:
    """Return what a directory is on, by the type of its file system; local when the system does not say."""
    try:
        mounts = _MOUNTS.read_text(errors="surrogateescape")
    except OSError:  # not Linux
        return "local"
    kind = _type_at(os.path.realpath(directory), mounts)
    if kind in _MEMORY:
        return "memory"
    return "remote" if _REMOTE.fullmatch(kind) else "local"


def _type_at(path: str, mounts: str) -> str:
    """Return the type of the file system that a real path is on; later mounts hide earlier ones."""
    found, deepest = "", -1
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        # Blanks and similar characters are written as octal escapes (proc_pid_mountinfo(5)).
        place = re.sub(r"\\(\d{3})", lambda code: chr(int(code[1], 8)), before.split(" ")[4])
        prefix = place.rstrip("/") + "/"
        if (path + "/").startswith(prefix) and len(prefix) >= deepest:
            found, deepest = after.split(" ")[0], len(prefix)
    return found
