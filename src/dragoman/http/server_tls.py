"""TLS for the listening side: one certificate, TLS 1.2 or newer, HTTP/1.1 only."""

import ssl


def server_context(cert_path: str, key_path: str) -> ssl.SSLContext:
    """A context that serves the PEM chain at ``cert_path`` with the PEM key at ``key_path``.

    The cipher list is OpenSSL's default for servers. Raises OSError when a file cannot be read, and
    its subclass ssl.SSLError when one is not what it should be or the two do not belong together.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    context.load_cert_chain(cert_path, key_path)
    return context
