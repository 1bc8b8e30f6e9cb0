"""What holds for every test: no test is timed, so no example of a property is either."""

from hypothesis import settings

# Sixty examples a property keep the whole suite below five minutes; fuzzing looks for the rest.
settings.register_profile("dragoman", deadline=None, max_examples=60)
settings.load_profile("dragoman")
