#!/usr/bin/env python3
"""Connections in a capture of one Ethernet interface, one a line.

usage: pcap_flows.py FILE

Tab separated, as truth_conntrack in host.sh gives them: protocol, source,
port, destination, port, packets, bytes of the end that spoke first, then the
same of the other. Bytes are from the IP header on. The port of an echo is its
id, and 0; of another ICMP message its type, and code. Fragments are left out.
"""
import ipaddress
import struct
import sys

NAMES = {1: "icmp", 6: "tcp", 17: "udp", 58: "ipv6-icmp"}
ASKED, ANSWERED = (8, 128), (0, 129)


def packets(path):
    with open(path, "rb") as f:
        data = f.read()
    magic = struct.unpack_from("<I", data)[0]
    if magic not in (0xa1b2c3d4, 0xa1b23c4d):
        sys.exit(f"{path}: not a capture of this machine")
    if struct.unpack_from("<I", data, 20)[0] != 1:
        sys.exit(f"{path}: not Ethernet")
    at = 24
    while at + 16 <= len(data):
        size = struct.unpack_from("<I", data, at + 8)[0]
        yield data[at + 16:at + 16 + size]
        at += 16 + size


def network(frame):
    """(protocol, source, destination, bytes, transport) or None."""
    kind, p = struct.unpack_from(">H", frame, 12)[0], frame[14:]
    if kind == 0x0800:
        header, total = (p[0] & 15) * 4, struct.unpack_from(">H", p, 2)[0]
        if struct.unpack_from(">H", p, 6)[0] & 0x3fff:
            return None
        return p[9], p[12:16], p[16:20], total, p[header:]
    if kind == 0x86dd:
        total = 40 + struct.unpack_from(">H", p, 4)[0]
        return p[6], p[8:24], p[24:40], total, p[40:]
    return None


def ports(proto, transport):
    """(source port, destination port), as the end that asks sends them."""
    if proto in (6, 17):
        return struct.unpack_from(">HH", transport)
    kind, code, _, ident = struct.unpack_from(">BBHH", transport)
    if kind in ASKED:
        return ident, 0
    if kind in ANSWERED:
        return 0, ident
    return kind, code


def main():
    flows = {}
    for frame in packets(sys.argv[1]):
        found = network(frame)
        if found is None or found[0] not in NAMES:
            continue
        proto, source, destination, size, transport = found
        a, b = ports(proto, transport)
        key = (proto, source, a, destination, b)
        back = (proto, destination, b, source, a)
        if key not in flows and back in flows:
            key, side = back, 2
        else:
            side = 0
        sums = flows.setdefault(key, [0, 0, 0, 0])
        sums[side] += 1
        sums[side + 1] += size
    for (proto, source, a, destination, b), sums in flows.items():
        ends = [ipaddress.ip_address(source), a,
                ipaddress.ip_address(destination), b]
        print(NAMES[proto], *ends, *sums[:2], *ends[2:], *ends[:2], *sums[2:],
              sep="\t")


if __name__ == "__main__":
    main()
