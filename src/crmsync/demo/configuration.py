"""A complete configuration directory: what `crmsync init` writes and the demo runs on. It works against the sandbox as it is;
its comments say what to change for real CRMs."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from crmsync.messages import Language, say
from crmsync.sandbox.world.control import SandboxCredentials
from crmsync.sandbox.world.roster import Rep

SANDBOX_URLS = {"salesforce": "http://127.0.0.1:8811", "hubspot": "http://127.0.0.1:8812"}

_INPUTS = """\
# {note}
inputs: {{}}
#  visits: visits.csv            # day,source,method,visitors
#  spend: spend.csv              # month,method,campaign,amount
#  headcounts: headcounts.csv    # month,department,people
"""


def write_configuration(
    directory: Path, rules: Path, reps: Iterable[Rep], language: Language, urls: Mapping[str, str] = SANDBOX_URLS
) -> None:
    """Write crmsync.yaml, team.yaml, figures.yaml, rules/, mappings/ and the sandbox's secrets. Raises FileExistsError where there
    is a configuration already."""
    if (directory / "crmsync.yaml").exists():
        raise FileExistsError(directory)
    directory.mkdir(parents=True, exist_ok=True)
    shutil.copytree(rules, directory / "rules", dirs_exist_ok=True)
    (directory / "mappings").mkdir(exist_ok=True)
    (directory / "mappings" / "README.md").write_text(say("init.mappings", language), encoding="utf-8")
    (directory / "crmsync.yaml").write_text(_settings(language, urls), encoding="utf-8")
    (directory / "team.yaml").write_text(_team(reps, language), encoding="utf-8")
    (directory / "figures.yaml").write_text(_INPUTS.format(note=say("init.figures", language)), encoding="utf-8")
    (directory / ".gitignore").write_text("secrets/\n*.db*\n", encoding="utf-8")
    _secrets(directory / "secrets")


def _secrets(directory: Path) -> None:
    """The sandbox's credentials, as the secret files that real ones would be. Only the owner may read them."""
    directory.mkdir(mode=0o700, exist_ok=True)
    credentials = SandboxCredentials()
    for name in ("salesforce_client_id", "salesforce_client_secret", "hubspot_token"):
        file = directory / name
        file.touch(mode=0o600)
        file.write_text(getattr(credentials, name) + "\n", encoding="utf-8")


def _settings(language: Language, urls: Mapping[str, str]) -> str:
    notes = {
        name: say(f"init.{name}", language) for name in ("head", "store", "urls", "auth", "lag", "budget", "schedule", "writing")
    }
    return f"""\
# {notes["head"]}
language: {language}

# {notes["store"]}
store:
  url: sqlite:///crmsync.db

connections:
  - name: hubspot
    connector: hubspot
    role: ma
    # {notes["urls"]}
    base_urls: {{api: "{urls["hubspot"]}"}}
    # {notes["auth"]}
    auth:
      token: {{file: secrets/hubspot_token}}
    # {notes["budget"]}
    budget:
      - {{lane: burst, calls: 10000, seconds: 1}}
      - {{lane: search, calls: 10000, seconds: 1}}
    # {notes["schedule"]}
    schedule: {{every_minutes: 15, jitter_seconds: 30}}
    # {notes["writing"]}
    writing: {{policy: full, rollout: {{percent: 100}}}}

  - name: salesforce
    connector: salesforce
    role: sfa
    base_urls: {{login: "{urls["salesforce"]}", api: "{urls["salesforce"]}"}}
    auth:
      client_id: {{file: secrets/salesforce_client_id}}
      client_secret: {{file: secrets/salesforce_client_secret}}
    # {notes["lag"]}
    options: {{lag_seconds: 0}}
    budget:
      - {{lane: burst, calls: 10000, seconds: 1}}
    schedule: {{every_minutes: 15, jitter_seconds: 30}}
    writing: {{policy: full, rollout: {{percent: 100}}}}

team: team.yaml
rules: rules
mappings: mappings
"""


def _team(reps: Iterable[Rep], language: Language) -> str:
    people = list(reps)
    managers = {rep.department: rep.rep_id for rep in people if rep.is_manager}
    lines = [f"# {say('init.team', language)}", "reps:"]
    for rep in people:
        lines += [
            f'  - email: "{rep.rep_id}"',
            f'    name: "{rep.full_name}"',
            f"    department: {rep.department}",
        ]
        if not rep.is_manager:
            lines.append(f'    manager: "{managers[rep.department]}"')
    lines += ["    # absences:", "    #   - {from: 2026-05-07, to: 2026-05-08}"]
    return "\n".join(lines) + "\n"
