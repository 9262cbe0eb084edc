"""Write the pages of docs/ that are made from code: phases, columns, configuration, errors, and the tables of the README."""

from __future__ import annotations

import sys

from environment import ROOT, ensure, run, say

if __name__ == "__main__":
    interpreter = ensure("dev")
    if sys.executable != str(interpreter):
        run(interpreter, __file__)
    else:
        from pages import write

        for path in write(ROOT):
            say(f"Wrote {path.relative_to(ROOT)}")
