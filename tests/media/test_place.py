"""A URL has one meaning, or none."""

from ipaddress import IPv6Address
from urllib.parse import urlsplit

import httpx2 as httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dragoman.media.place import BadUrl, read

GOOD = {
    "http://example.com": "http://example.com:80 /",
    "HTTP://EXAMPLE.com/A.png": "http://example.com:80 /A.png",
    "http://example.com?a=b": "http://example.com:80 /?a=b",
    "http://example.com/a?b=/../c#d?e@f": "http://example.com:80 /a?b=/../c",
    "https://example.com/": "https://example.com:443 /",
    "http://example.com:8080/": "http://example.com:8080 /",
    "http://example.com./x": "http://example.com:80 /x",
    "http://93.184.216.34/": "http://93.184.216.34:80 /",
    "http://[2606:4700::1111]:80/": "http://[2606:4700::1111]:80 /",
    "http://bücher.example/ü?ä": "http://xn--bcher-kva.example:80 /%C3%BC?%C3%A4",
    "http://a_b.example-1.com/%41%2f": "http://a_b.example-1.com:80 /%41%2f",
    "http://example.com//two": "http://example.com:80 //two",
    'http://example.com/"<>': "http://example.com:80 /%22%3C%3E",
    "http://1.2.3.4.example.com/": "http://1.2.3.4.example.com:80 /",
}
BAD = [
    "", "http://", "http:///x", "http:example.com", "//example.com/", "example.com/x",
    "ftp://example.com/", "file:///etc/passwd", "gopher://example.com/", "data:,x",
    "javascript:x", "httpx://example.com/",
    "http://user@example.com/", "http://user:pass@example.com/", "http://example.com:80@evil.com/",
    "http://example.com#@evil.com/"[:24] + "\\@evil.com", "http://example.com\\@evil.com/",
    "http://example.com\\.evil.com/", "http://example.com/\\x", "http:\\\\example.com/",
    "http://exa mple.com/", "http://example.com/a b", "http://example.com/\r\nx: y",
    "http://example.com/\tx", "http://example.com/\x00", "http://example.com\x7f/",
    "http://example.com:0/", "http://example.com:65536/", "http://example.com:/",
    "http://example.com:80:80/", "http://example.com:+80/", "http://example.com:８０/",
    "http://example..com/", "http://.example.com/", "http://-a.com/", "http://a-.com/",
    "http://example.com../", "http://ex%61mple.com/", "http://127.0.0.1%2f@x/",
    "http://127.1/", "http://127.0.1/", "http://2130706433/", "http://0177.0.0.1/",
    "http://0x7f.0.0.1/", "http://0x7f000001/", "http://127.0.0.01/", "http://127.0.0.256/",
    "http://1.2.3.4.5/", "http://0/", "http://0x/", "http://127.0.0.0x1/", "http://017700000001/",
    "http://[::1", "http://::1/", "http://[fe80::1%25eth0]/", "http://[fe80::1%eth0]/",
    "http://[v1.x]/", "http://[127.0.0.1]/", "http://[example.com]/", "http://[]/",
    "http://[::1]x/", "http://[::1]:/", "http://a.com,b.com/", "http://a.com;b.com/",
    "http://" + "a" * 64 + ".com/", "http://" + "a." * 130 + "com/", "http://e.com/" + "a" * 9000,
]  # fmt: skip


@pytest.mark.parametrize(("url", "meaning"), GOOD.items())
def test_one_meaning(url: str, meaning: str):
    found = read(url)
    assert f"{found.origin} {found.path}" == meaning


@pytest.mark.parametrize("url", BAD)
def test_no_meaning(url: str):
    with pytest.raises(BadUrl):
        read(url)


# What looks different and is the same: full-width letters and digits, ideographic dots.
@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://１２７。０。０。１/", "127.0.0.1"),
        ("http://127｡0｡0｡1/", "127.0.0.1"),
        ("http://ｌｏｃａｌｈｏｓｔ/", "localhost"),
        ("http://①②⑦.⓪.⓪.①/", "127.0.0.1"),
        ("http://127.0.0.1./", "127.0.0.1"),
        # Python 3.13 writes these with dots, earlier ones do not.
        ("http://[::ffff:a9fe:a9fe]/", str(IPv6Address("::ffff:169.254.169.254"))),
        ("http://[0:0:0:0:0:ffff:127.0.0.1]/", str(IPv6Address("::ffff:127.0.0.1"))),
    ],
)
def test_what_is_written_otherwise(url: str, host: str):
    found = read(url)
    assert found.host == host
    assert (found.address is None) == (host == "localhost")


HOSTS = st.text("abc019.-_:@[]%/\\?#x１。é \t", max_size=24)


@given(
    st.builds(
        lambda scheme, host, port, rest: f"{scheme}://{host}{port}{rest}",
        st.sampled_from(["http", "HTTPS", "ftp"]),
        HOSTS | st.sampled_from(["example.com", "127.0.0.1", "[::1]"]),
        st.sampled_from(["", ":80", ":8080", ":x", ":99999"]),
        st.text("/?#a@:\\%é", max_size=8),
    )
    | st.text(max_size=40)
)
@example("http://example.com/@")
def test_whatever_comes_means_one_thing_or_nothing(url: str):
    try:
        found = read(url)
    except BadUrl as error:
        assert str(error)
        return
    assert found.host.isascii()
    assert not set(found.host) & set("/\\@?#% \t")
    assert found.path.startswith("/")
    assert found.path.isascii()
    assert found.path.isprintable()
    # What it was read as, written down again, reads as the same, here and by others.
    again = read(found.origin + found.path)
    assert again == found
    parts = urlsplit(found.origin + found.path)
    assert (parts.hostname, parts.port) == (found.host, found.port)
    other = httpx.URL(found.origin + found.path)
    assert other.raw_host.decode() == found.host
