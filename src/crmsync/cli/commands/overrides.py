"""overrides: what people set after us, counted."""

from __future__ import annotations

from crmsync.cli.asked import Asked
from crmsync.cli.frame import FINE, answers, print_json, session, terminal
from crmsync.cli.shown import table
from crmsync.messages import say
from crmsync.sync.brief import moment
from crmsync.sync.overrides import override_counts


@answers
def execute(asked: Asked) -> int:
    with session(asked) as at_work:
        workspace, words = at_work.workspace, at_work.words
        counts = override_counts(workspace).to_dicts()
        if asked.as_json:
            print_json({"counts": counts, "overrides": workspace.store.overrides.frame().drop("id").to_dicts()})
        elif not counts:
            terminal().print(say("overrides.none", words))
        else:
            shown = table(say("title.overrides", words), "wish", "because", "definition", "count:number", "last", language=words)
            zone = workspace.definitions.targets.time_zone
            for row in counts:
                last = moment(row["last_at"], zone, words)
                shown.add_row(row["source"], row["cause"], row["definition"], f"{row['count']:,}", last)
            terminal().print(shown)
    return FINE
