"""Whose request it is when a reverse proxy stands in front.

``X-Forwarded-For`` is believed only as far as it was written by proxies that the operator named:
the list is read from its end, and the first address that is not one of them is the client.
"""

import ipaddress
from collections.abc import Sequence

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def client_address(peer: str, forwarded: str | None, trusted: Sequence[Network]) -> str:
    """The client's address. ``forwarded`` is the header's value, all of its lines joined."""
    address = peer
    for hop in reversed((forwarded or "").split(",")):
        if not _among(address, trusted):
            break
        candidate = hop.strip()
        if not _is_address(candidate):
            break
        address = candidate
    return address


def _among(address: str, networks: Sequence[Network]) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in networks)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
