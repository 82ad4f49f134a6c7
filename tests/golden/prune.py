#!/usr/bin/env python3
"""Prunes a recorded bundle of what is not the test host's.

usage: prune.py RAW OUT HOST-DIRECTORY AGENT-PID,... ROOT-PID...

Kept are all packets, conntrack, link and Docker inputs, which come from the
test host's own network and daemon, and of proc, procfs and audit what belongs
to the process trees below the root pids, but not to the agent's. Audit serials
are numbered anew without gaps, and the random end of the host's directory
becomes "golden". The order of what is left stays.
"""
import json
import os
import re
import struct
import sys

FILES = {
    "audit": "audit.log", "conntrack": "conntrack.ndjson",
    "link": "link.ndjson", "proc": "proc.ndjson",
    "docker": "docker.ndjson", "procfs": "procfs.ndjson",
}
# linux/cn_proc.h: nlmsghdr, cn_msg, then what, cpu, timestamp and the data.
DATA = 16 + 20 + 16
NOTHING, FORK, EXEC, UID, EXIT = 0, 1, 2, 4, 0x80000000
# agent/wire.h: files of /proc/PID.
PROC = 7


def read_lines(path):
    with open(path, "rb") as f:
        return f.read().splitlines()


def read_packets(path):
    with open(path, "rb") as f:
        data = f.read()
    at, out = 24, []
    while at < len(data):
        size = struct.unpack_from("<I", data, at + 8)[0]
        out.append(data[at:at + 16 + size])
        at += 16 + size
    return data[:24], out


def proc_pids(line):
    """(what, pids of the message); a pid here is a thread group's. What is
    of no interest to the agent, threads for example, is NOTHING."""
    raw = bytes.fromhex(json.loads(line)["hex"])
    what = struct.unpack_from("<I", raw, 16 + 20)[0]
    pid, group, child, child_group = struct.unpack_from(
        "<IIII", raw + bytes(16), DATA)
    if what == FORK and child != child_group:
        what = NOTHING
    elif what != FORK and (what not in (EXEC, UID, EXIT) or pid != group):
        what = NOTHING
    return what, (group, child_group)


def procfs_stat(line):
    """(verb, pid, ppid, command line and cgroup) of an answer."""
    answer = json.loads(line)
    raw, parts, at = bytes.fromhex(answer["hex"]), [], 0
    while at + 4 <= len(raw):
        size = struct.unpack_from("<I", raw, at)[0]
        parts.append(raw[at + 4:at + 4 + size])
        at += 4 + size
    if len(parts) < 5:
        return answer["verb"], answer["pid"], 0, b""
    ppid = int(parts[4].rsplit(b")", 1)[1].split()[1])
    return answer["verb"], answer["pid"], ppid, parts[0] + parts[2]


def family(inputs, roots, agents, host):
    """The pids of the trees below the roots, without the agent's."""
    children, ours = {}, set(roots)
    for line in inputs["procfs"]:
        _, pid, ppid, text = procfs_stat(line)
        children.setdefault(ppid, set()).add(pid)
        if host in text and pid not in agents:        # shims, whose parent has gone
            ours.add(pid)
    for line in inputs["proc"]:
        what, (parent, child) = proc_pids(line)
        if what == FORK and parent != child:
            children.setdefault(parent, set()).add(child)
    todo = list(ours)
    while todo:
        for child in children.get(todo.pop(), ()):
            if child not in agents and child not in ours:
                ours.add(child)
                todo.append(child)
    return ours


STATUS = (b"Name:", b"State:", b"Tgid:", b"Pid:", b"PPid:", b"Uid:", b"Gid:",
          b"NStgid:", b"NSpid:")


def shorten(line):
    """Of /proc/PID/status only the lines that tell who it is; of cgroups that
    are no container's only that. Other answers stay as they are."""
    answer = json.loads(line)
    if answer["verb"] != PROC:
        return line
    raw, out, at, part = bytes.fromhex(answer["hex"]), b"", 0, 0
    while at + 4 <= len(raw):
        size = struct.unpack_from("<I", raw, at)[0]
        text = raw[at + 4:at + 4 + size]
        at += 4 + size
        if part == 0 and b"docker" not in text:
            text = re.sub(rb":/[^\n]*", b":/system.slice", text)
        if part == 1:
            text = b"".join(l for l in text.splitlines(True)
                            if l.startswith(STATUS))
        out += struct.pack("<I", len(text)) + text
        part += 1
    answer["hex"] = out.hex()
    return json.dumps(answer, separators=(",", ":")).encode()


def audit_serial(line):
    found = re.search(rb"audit\(\d+\.\d+:(\d+)\)", line)
    return int(found.group(1)) if found else None


def keep(source, inputs, ours):
    lines = inputs[source]
    if source == "procfs":
        return [procfs_stat(l)[0] != PROC or procfs_stat(l)[1] in ours
                for l in lines]
    if source == "proc":
        return [what != NOTHING and (pids[0] in ours or
                                     (what == FORK and pids[1] in ours))
                for what, pids in map(proc_pids, lines)]
    if source == "audit":
        good = set()
        for line in lines:
            pid = re.search(rb" pid=(\d+)", line)
            if pid and int(pid.group(1)) in ours:
                good.add(audit_serial(line))
        return [audit_serial(l) in good for l in lines]
    return [True] * len(lines)


def renumber(lines):
    serials = sorted({audit_serial(l) for l in lines})
    new = {s: i + 1 for i, s in enumerate(serials)}
    return [re.sub(rb"(audit\(\d+\.\d+:)(\d+)\)", lambda m: b"%s%d)" %
                   (m.group(1), new[int(m.group(2))]), l) for l in lines]


def clean(data, host):
    """The host's directory in its forms: text, hex, upper case hex."""
    to = host[:-6] + b"golden"
    for form in (lambda b: b, lambda b: b.hex().encode(),
                 lambda b: b.hex().upper().encode()):
        data = data.replace(form(host), form(to))
    return data


def main():
    raw, out, host = sys.argv[1], sys.argv[2], sys.argv[3].encode()
    agents = {int(p) for p in sys.argv[4].split(",")}
    roots = [int(p) for p in sys.argv[5:]]
    inputs = {s: read_lines(f"{raw}/{f}") for s, f in FILES.items()}
    header, inputs["packet"] = read_packets(f"{raw}/packet.pcap")
    ours = family(inputs, roots, agents, host)
    kept = {s: keep(s, inputs, ours) for s in inputs}
    at = dict.fromkeys(inputs, 0)
    order, left = [], {s: [] for s in inputs}
    for line in read_lines(f"{raw}/order.txt"):
        source, count, when = line.decode().split()
        n = 0
        for i in range(at[source], at[source] + int(count)):
            if kept[source][i]:
                left[source].append(inputs[source][i])
                n += 1
        at[source] += int(count)
        if n:
            order.append(f"{source} {n} {when}\n")
    left["audit"] = renumber(left["audit"])
    left["procfs"] = [shorten(l) for l in left["procfs"]]
    os.makedirs(out, exist_ok=True)
    with open(f"{out}/order.txt", "w", encoding="ascii") as f:
        f.writelines(order)
    with open(f"{out}/packet.pcap", "wb") as f:
        f.write(header + b"".join(left["packet"]))
    for source, name in FILES.items():
        with open(f"{out}/{name}", "wb") as f:
            f.write(clean(b"".join(l + b"\n" for l in left[source]), host))


if __name__ == "__main__":
    main()
