"""No deadlines for hypothesis: a busy machine is not a wrong answer. pytest's own time limit stays."""

from hypothesis import settings

settings.register_profile("no-deadline", deadline=None)
settings.load_profile("no-deadline")
