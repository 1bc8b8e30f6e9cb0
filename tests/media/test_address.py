"""Only public addresses are public, however they are written."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.media.address import Exceptions, is_public, read

NOT_PUBLIC = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200",
    "100.127.255.255", "127.0.0.1", "127.255.255.254", "168.63.129.16", "169.254.169.254",
    "169.254.170.2", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.192", "192.0.2.1",
    "192.31.196.1", "192.52.193.1", "192.88.99.1", "192.168.0.1", "192.175.48.1", "198.18.0.1",
    "198.19.255.255", "198.51.100.7", "203.0.113.9", "224.0.0.1", "239.255.255.250", "240.0.0.1",
    "255.255.255.255",
    "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:0:127.0.0.1",
    "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "100::1", "2001::1", "2001:2::1", "2001:db8::1",
    "2001:10::1", "2001:20::1", "2002:7f00:1::", "2002:a9fe:a9fe::1", "3fff::1", "5f00::1",
    "fc00::1", "fd00:ec2::254", "fd12:3456::1", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1",
    "2620:4f:8000::1", "4000::1",
]  # fmt: skip
PUBLIC = [
    "1.1.1.1", "8.8.8.8", "93.184.216.34", "100.63.255.255", "100.128.0.0", "172.15.255.255",
    "172.32.0.1", "192.0.1.1", "198.17.255.255", "198.20.0.1", "223.255.255.255",
    "2606:4700::1111", "2a00:1450:4001::1", "2001:4860:4860::8888", "2003::1",
    "::ffff:8.8.8.8",
]  # fmt: skip


@pytest.mark.parametrize("text", NOT_PUBLIC)
def test_not_public(text: str):
    found = read(text)
    assert found is not None
    assert not is_public(found)


@pytest.mark.parametrize("text", PUBLIC)
def test_public(text: str):
    found = read(text)
    assert found is not None
    assert is_public(found)


@given(st.ip_addresses())
def test_never_public_where_python_says_that_it_is_not_global(address: IPv4Address | IPv6Address):
    if is_public(address):
        assert address.is_global
        assert not (address.is_private or address.is_loopback or address.is_link_local)
        assert not (address.is_multicast or address.is_reserved or address.is_unspecified)


@given(st.ip_addresses(v=4))
def test_an_address_inside_another_opens_nothing(inner: IPv4Address):
    number = int(inner)
    embedded = {
        "compatible": number,
        "translated": (0xFFFF << 48) | number,
        "nat64": (0x64FF9B << 96) | number,
        "6to4": (0x2002 << 112) | number << 80,
        "teredo": (0x20010000 << 96) | (number ^ 0xFFFFFFFF),
    }
    for name, value in embedded.items():
        assert not is_public(IPv6Address(value)), name
    mapped = read(f"::ffff:{inner}")
    assert mapped == inner


@given(st.ip_addresses(v=4))
def test_exceptions_are_exact(address: IPv4Address):
    exceptions = Exceptions.of(["Files.Corp.", "10.1.0.0/16", "192.168.7.7", "fd00::/8"])
    expected = address in IPv4Network("10.1.0.0/16") or address == IPv4Address("192.168.7.7")
    assert exceptions.cover("other.corp", address) is expected
    assert exceptions.cover("files.corp", address)


def test_no_exceptions_are_the_default():
    assert not Exceptions().cover("localhost", ip_address("127.0.0.1"))
