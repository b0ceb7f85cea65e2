"""Settings of all tests."""

from hypothesis import settings

# A deadline is a timed assertion: on a busy machine an example takes many times as long.
settings.register_profile("signalbox", deadline=None)
settings.load_profile("signalbox")
