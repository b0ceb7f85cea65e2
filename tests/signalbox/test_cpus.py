"""CPUs that a process may use, from files as the kernel writes them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from signalbox.cpus import threads, usable_cpus


def machine(
    folder: Path, cgroup: str, mounts: list[tuple[str, str, str, str]], files: dict[str, str]
) -> Path:
    """A process's folder in procfs. `mounts` are root, mount point, type and options; paths are below `folder`."""
    proc = folder / "proc"
    proc.mkdir()
    (proc / "cgroup").write_text(cgroup)
    lines = [
        f"{number} 25 0:{number} {root} {folder / point} rw,nosuid shared:9 - {kind} {kind} {options}\n"
        for number, (root, point, kind, options) in enumerate(mounts, 30)
    ]
    noise = "24 1 8:1 / / rw,relatime - ext4 /dev/root rw\n"
    (proc / "mountinfo").write_text("".join([noise, *lines]))
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return proc


V2 = [("/", "cg", "cgroup2", "rw")]
V1 = [
    ("/docker/abc", "cg/cpu", "cgroup", "rw,cpu,cpuacct"),
    ("/docker/abc", "cg/memory", "cgroup", "rw,memory"),
]


@pytest.mark.parametrize(
    ("limit", "cpus"),
    [
        ("max 100000", 8),
        ("200000 100000", 2),
        ("150000 100000", 1),  # never more than may be used
        ("50000 100000", 1),
        ("900000 100000", 8),
        ("50000 25000", 2),
    ],
)
def test_a_quota_of_v2_is_rounded_down_and_at_least_one(tmp_path, limit, cpus):
    proc = machine(tmp_path, "0::/\n", V2, {"cg/cpu.max": f"{limit}\n"})
    assert usable_cpus(proc, affinity=8) == cpus


def test_a_quota_of_a_group_above_counts(tmp_path):
    """Kubernetes sets one on the pod and one on the container."""
    files = {
        "cg/kubepods/pod1/cpu.max": "300000 100000\n",
        "cg/kubepods/pod1/main/cpu.max": "max 100000\n",
    }
    proc = machine(tmp_path, "0::/kubepods/pod1/main\n", V2, files)
    assert usable_cpus(proc, affinity=8) == 3


@pytest.mark.parametrize(("quota", "cpus"), [("-1", 8), ("200000", 2), ("120000", 1)])
def test_a_quota_of_v1_is_read_where_the_container_sees_it(tmp_path, quota, cpus):
    """The path of the group is the host's; the container's mount has that group as its root."""
    files = {"cg/cpu/cpu.cfs_quota_us": f"{quota}\n", "cg/cpu/cpu.cfs_period_us": "100000\n"}
    cgroup = "9:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n1:name=systemd:/docker/abc\n"
    assert usable_cpus(machine(tmp_path, cgroup, V1, files), affinity=8) == cpus


def test_a_group_outside_the_mount_is_the_mount(tmp_path):
    proc = machine(tmp_path, "0::/../other\n", V2, {"cg/cpu.max": "100000 100000\n"})
    assert usable_cpus(proc, affinity=8) == 1
    files = {"cg/cpu/cpu.cfs_quota_us": "100000\n", "cg/cpu/cpu.cfs_period_us": "100000\n"}
    elsewhere = tmp_path / "v1"
    elsewhere.mkdir()
    assert usable_cpus(machine(elsewhere, "4:cpu:/elsewhere\n", V1, files), affinity=8) == 1


def test_a_hybrid_machine_has_its_cpu_quota_in_v1(tmp_path):
    mounts = [*V1, ("/", "cg/unified", "cgroup2", "rw")]
    files = {
        "cg/cpu/cpu.cfs_quota_us": "200000\n",
        "cg/cpu/cpu.cfs_period_us": "100000\n",
        "cg/unified/cgroup.procs": "1\n",
    }
    proc = machine(tmp_path, "4:cpu,cpuacct:/docker/abc\n0::/docker/abc\n", mounts, files)
    assert usable_cpus(proc, affinity=8) == 2


@pytest.mark.parametrize("text", ["", "max\n", "all 100000\n", "100000 0\n", "100000\n"])
def test_a_file_that_is_no_quota_sets_none(tmp_path, text):
    assert usable_cpus(machine(tmp_path, "0::/\n", V2, {"cg/cpu.max": text}), affinity=8) == 8


def test_without_control_groups_the_affinity_counts(tmp_path):
    assert usable_cpus(tmp_path, affinity=3) == 3


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="Linux only")
def test_the_affinity_of_the_process_is_read():
    code = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); "
    code += "from signalbox.cpus import usable_cpus; print(usable_cpus())"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output == "1\n"


@pytest.mark.parametrize(
    ("setting", "cpus", "count"), [(None, 4, 4), (2, 4, 2), (7, 4, 4), (1, 1, 1), (None, 1, 1)]
)
def test_a_setting_never_exceeds_the_cpus(setting, cpus, count):
    assert threads(setting, cpus) == count


@pytest.mark.parametrize(("setting", "cpus", "count"), [(None, 4, 3), (None, 1, 1), (4, 4, 4)])
def test_a_spare_cpu_is_left_where_there_is_one(setting, cpus, count):
    assert threads(setting, cpus, spare=1) == count
