"""Frames of Ethernet as a guest sends them, right and wrong."""

from __future__ import annotations

import ipaddress
import struct

BROADCAST = "ff:ff:ff:ff:ff:ff"
ARP, IPV4, IPV6, TAGGED = 0x0806, 0x0800, 0x86DD, 0x8100
UDP, ICMPV6 = 17, 58
HOP_BY_HOP = bytes([ICMPV6, 0, 5, 2, 0, 0, 1, 0])
"""A header that comes before that of ICMPv6, as in what asks for multicasts."""
SOURCE_MAC, TARGET_MAC = 1, 2
"""Kinds of options of neighbour discovery."""


def mac_bytes(mac: str) -> bytes:
    return bytes.fromhex(mac.replace(":", ""))


def ethernet(source: str, kind: int, payload: bytes, to: str = BROADCAST) -> bytes:
    return mac_bytes(to) + mac_bytes(source) + struct.pack("!H", kind) + payload


def tagged(source: str, tag: int, kind: int, payload: bytes) -> bytes:
    return ethernet(source, TAGGED, struct.pack("!HH", tag, kind) + payload)


def arp(source: str, sender: str, address: str, operation: int = 2) -> bytes:
    """``source``: of the frame; ``sender``, ``address``: what it says is where."""
    body = struct.pack("!HHBBH", 1, IPV4, 6, 4, operation) + mac_bytes(sender) + packed(address)
    return ethernet(source, ARP, body + mac_bytes(BROADCAST) + packed("192.0.2.1"))


def ipv4(source: str, address: str, payload: bytes, protocol: int = UDP) -> bytes:
    return ethernet(source, IPV4, ipv4_packet(address, payload, protocol))


def ipv4_packet(address: str, payload: bytes, protocol: int = UDP) -> bytes:
    start = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 0, 0, 64, protocol, 0)
    header = start + packed(address) + packed("192.0.2.255")
    total = sum(struct.unpack("!10H", header))
    total = (total & 0xFFFF) + (total >> 16)
    return header[:10] + struct.pack("!H", ~(total + (total >> 16)) & 0xFFFF) + header[12:] + payload


def ipv6(source: str, address: str, payload: bytes, protocol: int = UDP) -> bytes:
    header = struct.pack("!IHBB", 6 << 28, len(payload), protocol, 255) + packed(address) + packed("ff02::1")
    return ethernet(source, IPV6, header + payload)


def udp(source: int, to: int, payload: bytes = b"hello") -> bytes:
    return struct.pack("!HHHH", source, to, 8 + len(payload), 0) + payload


def neighbour(kind: int, target: str, *options: tuple[int, str]) -> bytes:
    """A message of neighbour discovery: 135 asks who has an address, 136 says who. Options tell hardware addresses."""
    body = struct.pack("!BBHI", kind, 0, 0, 0) + packed(target)
    return body + b"".join(struct.pack("!BB", each, 1) + mac_bytes(mac) for each, mac in options)


def icmpv6(kind: int) -> bytes:
    """A message of another kind, without anything in it that matters: 134 is that of a router."""
    return struct.pack("!BBHI", kind, 0, 0, 0) + bytes(8)


def packed(address: str) -> bytes:
    return ipaddress.ip_address(address).packed
