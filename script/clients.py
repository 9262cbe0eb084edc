"""Let jsforce and @hubspot/api-client, unmodified, do a day's work against the sandbox over HTTP: one line per check.

node and npm come with the environment (locked like everything in it), the two clients from their own lock.
"""

from __future__ import annotations

from environment import ROOT, ensure, run, say

if __name__ == "__main__":
    interpreter = ensure("dev")
    say("Letting the Node clients visit the sandbox")
    run(interpreter, ROOT / "tests" / "node_clients" / "run.py")
