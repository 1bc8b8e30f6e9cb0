"""A pool beyond one machine: a discrete-event simulation around the real routing code."""
