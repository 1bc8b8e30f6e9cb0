"""What the reader must know about the machine and the programs to compare figures."""

import os
import platform
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.process import Cores, first_line


@dataclass(frozen=True)
class Facts:
    """Of one run."""

    date: str
    command: str
    machine: Mapping[str, str]
    cores: Cores
    versions: Mapping[str, str]
    """By gateway."""
    missing: Mapping[str, str]
    """Gateways that could not be measured, and why."""
    rounds: int


def machine(cores: Cores) -> dict[str, str]:
    """Facts of this machine."""
    placing = f"gateway on core {cores.gateway}; everything else on core {cores.driver}"
    if cores.shared:
        placing = "everything on the only one, so **the figures say little**"
    go = shutil.which("go") or "/usr/local/go/bin/go"
    memory_kb = int(_field("/proc/meminfo", r"MemTotal:\s*(\d+)") or 0)
    hypervisor = "hypervisor" in (_field("/proc/cpuinfo", r"flags\s*:\s*(.+)") or "").split()
    congestion = _field("/proc/sys/net/ipv4/tcp_congestion_control", r"(\S+)") or "unknown"
    return {
        "processor": _field("/proc/cpuinfo", r"model name\s*:\s*(.+)") or platform.machine(),
        "cores": f"{os.cpu_count()}; {placing}",
        "memory": f"{memory_kb / 2**20:.1f} GiB",
        "virtual machine": "yes" if hypervisor else "no",
        "kernel": f"{platform.system()} {platform.release()}, TCP congestion control {congestion}",
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "Go": first_line([go, "version"]).removeprefix("go version "),
    }


def _field(path: str, pattern: str) -> str | None:
    try:
        found = re.search(pattern, Path(path).read_text())
    except OSError:
        return None
    return found.group(1).strip() if found else None
