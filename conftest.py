"""How properties draw their examples: the same ones in every run, so that no landing depends on dice or on how busy a machine is.

    python3 script/test.py --hypothesis-profile searching

draws others each time, and more of them: that is how new counter-examples are found. What it finds is kept as an `@example`.
"""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.register_profile("searching", deadline=None, max_examples=300, print_blob=True)
settings.load_profile("repeatable")
