"""Images and documents are fetched and converted here, before a request goes upstream.

``media.py`` decides, ``place.py``, ``address.py`` and ``fetch.py`` guard every download,
``converter.py`` keeps the processes that ``worker.py`` runs in. Pillow is imported by ``pixels.py``
alone, which only a worker imports: the gateway's process never decodes a pixel.
"""
