"""Machines as their kernels describe them: the files by name, to be laid out below a directory."""

from __future__ import annotations

from pathlib import Path

GIB = 1024**2
"""In KiB, as /proc/meminfo counts."""


def lay_out(root: Path, *machines: dict[str, str | bytes]) -> Path:
    """Write the files of a machine; those of later ones win."""
    for machine in machines:
        for name, content in machine.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return root


def intel(sockets: int, cores: int, threads: int, flags: str = "fpu vme vmx sse2") -> dict[str, str | bytes]:
    """Processors of an x86 machine, threads of one core far apart, as such machines number them."""
    blocks, files = [], {}
    apart = sockets * cores
    for number in range(apart * threads):
        socket, core = (number % apart) // cores, number % cores
        blocks.append(
            f"processor\t: {number}\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 143\n"
            f"model name\t: Intel(R) Xeon(R) Platinum 8480+\nstepping\t: 8\ncpu MHz\t\t: 2000.123\n"
            f"physical id\t: {socket}\ncore id\t\t: {core}\nflags\t\t: {flags}\npower management:\n"
        )
        topology = f"sys/devices/system/cpu/cpu{number}/topology"
        files[f"{topology}/physical_package_id"] = f"{socket}\n"
        siblings = ",".join(str(number % apart + apart * each) for each in range(threads))
        files[f"{topology}/thread_siblings_list"] = f"{siblings}\n"
    return {"proc/cpuinfo": "\n".join(blocks) + "\n", **files}


DEBIAN: dict[str, str | bytes] = {
    "proc/sys/kernel/hostname": "alpha\n",
    "proc/sys/kernel/osrelease": "6.1.0-28-amd64\n",
    "proc/meminfo": f"MemTotal:       {16 * GIB} kB\nMemFree:         {2 * GIB} kB\nMemAvailable:   {12 * GIB} kB\n",
    "proc/stat": "cpu  1 2 3\ncpu0 1 2 3\nbtime 1700000000\nprocesses 5\n",
    "etc/os-release": 'NAME="Debian GNU/Linux"\nVERSION_ID="12"\nID=debian\n# a comment = not a fact\n',
    "etc/timezone": "Europe/Berlin\n",
    "etc/resolv.conf": "search example.com\n# nameserver none\nnameserver 192.0.2.1\nnameserver fd00::1\nnameserver\n",
}

DMI: dict[str, str | bytes] = {
    "sys/class/dmi/id/bios_vendor": "Dell Inc.\n",
    "sys/class/dmi/id/bios_version": "2.1.5\n",
    "sys/class/dmi/id/sys_vendor": "Dell Inc.\n",
    "sys/class/dmi/id/product_name": "PowerEdge R760\n",
    "sys/class/dmi/id/product_version": "Not Specified\n",
    "sys/class/dmi/id/product_serial": "ABC1234\n",
    "sys/class/dmi/id/board_vendor": b"Dell\xff\x01 Inc.\n",
    "sys/firmware/dmi/entries/11-0/raw": b"\x0b\x05\x00\x10\x02Dell System\x005[0000]\x00\x00",
    "sys/firmware/dmi/entries/1-0/raw": b"\x01\x04\x00\x11not of type 11\x00\x00",
}

XEN: dict[str, str | bytes] = {
    "proc/xen/capabilities": "control_d\n",
    "sys/hypervisor/type": "xen\n",
    "sys/hypervisor/version/major": "4\n",
    "sys/hypervisor/version/minor": "17\n",
    "sys/hypervisor/version/extra": ".5\n",
    "sys/hypervisor/properties/capabilities": "xen-3.0-x86_64 hvm-3.0-x86_32 hvm-3.0-x86_32p hvm-3.0-x86_64 \n",
}

ARM: dict[str, str | bytes] = {
    "proc/cpuinfo": "\n".join(
        f"processor\t: {number}\nBogoMIPS\t: 50.00\nFeatures\t: fp asimd aes\nCPU implementer\t: 0x41\n"
        f"CPU architecture: 8\nCPU variant\t: 0x3\nCPU part\t: 0xd0c\nCPU revision\t: 1\n"
        for number in range(4)
    )
    + "\nHardware\t: BCM2835\nRevision\t: c03111\nSerial\t\t: 1000\n",
    "sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq": "2800000\n",
}
