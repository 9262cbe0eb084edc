"""release: let go what a guard has halted."""

from __future__ import annotations

from crmsync.cli.asked import Asked
from crmsync.cli.frame import FINE, answers, print_json, session, terminal
from crmsync.cli.halted import approval_of
from crmsync.messages import say
from crmsync.sync.guard import release


@answers
def execute(asked: Asked, digest: str, by: str | None, because: str | None) -> int:
    approval, now = approval_of(by, because), asked.moment().now
    with session(asked) as at_work:
        found = release(at_work.workspace, digest, approval, now)
        if asked.as_json:
            halted = [{"connection": halt.connection, "changes": len(halt.wishes)} for halt in found]
            print_json({"digest": digest, "by": approval.by, "because": approval.because, "at": now, "released": halted})
        else:
            for halt in found:
                told = {"connection": halt.connection, "count": len(halt.wishes), "digest": digest, "by": approval.by}
                terminal().print(say("guard.released", at_work.words, **told), soft_wrap=True)
    return FINE
