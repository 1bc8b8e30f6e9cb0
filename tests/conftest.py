"""What holds for every test: no test is timed, so no example of a property is either."""

from hypothesis import settings

settings.register_profile("dragoman", deadline=None)
settings.load_profile("dragoman")
