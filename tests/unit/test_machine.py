"""Threads by default: the process's affinity and the container's limit, from made-up control groups."""

import math

import pytest

from bayesltv import machine
from bayesltv.machine import available_processors, container_quota


@pytest.fixture
def sixteen(monkeypatch):
    monkeypatch.setattr(machine.os, "process_cpu_count", lambda: 16, raising=False)


def system(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


V2, V1 = "0::/\n", "5:cpu,cpuacct:/docker/abc\n4:memory:/docker/abc\n"
LIMITS = {
    "no control groups": ({}, math.inf, 16),
    "2, no limit": ({"proc/self/cgroup": V2, "sys/fs/cgroup/cpu.max": "max 100000\n"}, math.inf, 16),
    "2, one and a half": ({"proc/self/cgroup": V2, "sys/fs/cgroup/cpu.max": "150000 100000\n"}, 1.5, 2),
    "2, a tenth": ({"proc/self/cgroup": V2, "sys/fs/cgroup/cpu.max": "10000 100000\n"}, 0.1, 1),
    "2, more than there are": (
        {"proc/self/cgroup": V2, "sys/fs/cgroup/cpu.max": "6400000 100000\n"},
        64.0,
        16,
    ),
    "2, the group above has less": (
        {
            "proc/self/cgroup": "0::/user.slice/score.scope\n",
            "sys/fs/cgroup/user.slice/cpu.max": "300000 100000\n",
            "sys/fs/cgroup/user.slice/score.scope/cpu.max": "800000 100000\n",
        },
        3.0,
        3,
    ),
    "1, two processors": (
        {
            "proc/self/cgroup": V1,
            "sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_quota_us": "200000\n",
            "sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_period_us": "100000\n",
        },
        2.0,
        2,
    ),
    "1, seen from inside a container": (
        {
            "proc/self/cgroup": V1,
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "250000\n",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "50000\n",
        },
        5.0,
        5,
    ),
    "1, no limit": (
        {
            "proc/self/cgroup": V1,
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
        },
        math.inf,
        16,
    ),
    "nonsense": ({"proc/self/cgroup": "what?\n", "sys/fs/cgroup/cpu.max": "often\n"}, math.inf, 16),
}


@pytest.mark.usefixtures("sixteen")
@pytest.mark.parametrize("case", LIMITS)
def test_the_containers_limit_is_respected(tmp_path, case):
    files, quota, threads = LIMITS[case]
    root = system(tmp_path, files)
    assert container_quota(root) == pytest.approx(quota)
    assert available_processors(root) == threads


def test_the_affinity_of_the_process_is_a_limit_too(tmp_path, monkeypatch):
    monkeypatch.setattr(machine.os, "process_cpu_count", lambda: 1, raising=False)
    assert available_processors(system(tmp_path, LIMITS["2, one and a half"][0])) == 1


def test_here_there_is_at_least_one():
    assert available_processors() >= 1
