"""The memory limit of the container this process runs in, from Linux control groups, version 1 and 2.

Source: cgroups(7), "/proc/[pid]/cgroup" and proc_pid_mountinfo(5).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

MOST_DIGITS = 25
"""A limit has 20 at most; Python refuses to read thousands."""


def memory_limit(root: Path = Path("/")) -> int | None:
    """Return the tightest limit in bytes on this process, or None where there is none (or no control groups).

    A limit on a parent group binds its children, so every group up to the mount is read. In a container the mount
    often shows only the container's own group; the path is then taken relative to what the mount shows.

    :param root: the directory that /proc and /sys are under; "/" but in tests.
    """
    groups = _groups(_read(root / "proc/self/cgroup"))
    limits: list[int] = []
    for version, shown, mount_point in _mounts(_read(root / "proc/self/mountinfo")):
        if version not in groups:
            continue
        mounted = root / mount_point.lstrip("/")
        file = "memory.max" if version == 2 else "memory.limit_in_bytes"
        limits += [
            limit for folder in _up_to(mounted, shown, groups[version]) if (limit := _number(_read(folder / file)))
        ]
    return min(limits, default=None)


def _groups(text: str) -> dict[int, str]:
    """Map cgroup version to this process's path in the memory hierarchy of that version."""
    paths = {}
    for line in text.splitlines():
        _, controllers, path = (*line.split(":", 2), "", "")[:3]
        if controllers == "" and path:
            paths[2] = path
        elif "memory" in controllers.split(","):
            paths[1] = path
    return paths


def _mounts(text: str) -> Iterator[tuple[int, str, str]]:
    """Yield version, the group that the mount shows as its root, and the mount point."""
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        left, right = before.split(), after.split()
        if len(left) < 5 or not right:
            continue
        if right[0] == "cgroup2":
            yield 2, left[3], left[4]
        elif right[0] == "cgroup" and "memory" in right[-1].split(","):
            yield 1, left[3], left[4]


def _up_to(mounted: Path, shown: str, group: str) -> Iterator[Path]:
    """Yield the directories of a group and its visible parents, innermost first."""
    path = PurePosixPath(group)
    inside = path.relative_to(shown) if path.is_relative_to(shown) else PurePosixPath()
    if ".." in inside.parts:  # the process was moved out of the cgroup namespace: only the mount itself is known
        inside = PurePosixPath()
    for part in (inside, *inside.parents) if inside.parts else (inside,):
        yield mounted / part


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError):
        return ""


def _number(text: str) -> int | None:
    """Parse a limit; "max" and anything else that is not a positive count mean no limit."""
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < MOST_DIGITS else None
