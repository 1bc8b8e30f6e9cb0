"""The admin API and the metrics: a Starlette application on a port of its own.

Nothing here is on the path of a request. What it shows is read from the same objects that serve
requests, in the same event loop, so nothing here may take long: bodies are bounded, long lists are
made in slices, files are written by a thread.
"""
