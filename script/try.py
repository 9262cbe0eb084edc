"""Try it: the whole loop on this machine alone: two sandbox CRMs over HTTP, some virtual weeks, and what came of it."""

from __future__ import annotations

import sys

from environment import ensure, run, say

if __name__ == "__main__":
    interpreter = ensure("runtime")
    say("Running the demo: a HubSpot and a Salesforce sandbox over HTTP, decided and written back by crmsync")
    run(interpreter, "-m", "crmsync", "demo", *sys.argv[1:])
