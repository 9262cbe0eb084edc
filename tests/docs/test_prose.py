"""Prose that names things names things that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from prose import DOCUMENTS, ROOT, fenced, section, text_of

from crmsync.config.document import parse_document, validate
from crmsync.config.settings_file import SettingsFile
from crmsync.connect.registry import load_plugin

LINK = re.compile(r"\]\((?!https?://)([^)\s]+)\)")
ADRS = sorted((ROOT / "docs" / "adr").glob("*.md"))
README = text_of(ROOT / "README.md")


def anchors(path: Path) -> set[str]:
    """Headings as the web shows them: lower case, blanks as hyphens, everything else but letters and digits gone."""
    heads = re.findall(r"^#+ (.+)$", text_of(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.replace("`", "")).strip().lower().replace(" ", "-") for head in heads}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(document: Path) -> None:
    broken = []
    for link in LINK.findall(text_of(document)):
        file, _, anchor = link.partition("#")
        target = (document.parent / file).resolve() if file else document
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize(("heading", "command"), [("Try it", "python3 script/try.py"), ("Test it", "python3 script/test.py")])
def test_the_readmes_two_commands_stand_alone(heading: str, command: str) -> None:
    blocks = fenced(section(README, heading), "sh")
    assert blocks == [f"{command}\n"]
    assert (ROOT / command.split()[1]).is_file()


def test_the_readme_has_no_other_shell_block() -> None:
    """Two commands are promised; whatever else can be typed stands indented or in code spans."""
    assert len(fenced(README, "sh")) == 2


def test_the_connections_in_the_readme_can_be_read_and_their_secrets_are_those_of_the_connectors() -> None:
    (shown,) = fenced(README, "yaml")
    settings = validate(parse_document(shown, "README.md"), SettingsFile)
    for connection in settings.connections:
        plugin = load_plugin(connection.connector)
        assert set(connection.auth) in [set(names) for names in plugin.auth_secrets.values()]
        assert set(connection.base_urls) <= {*plugin.base_urls, "api"}


def test_the_readme_speaks_japanese_too() -> None:
    assert len(re.findall(r"[ぁ-んァ-ヶ一-龠]", section(README + "\n## ", "日本語"))) > 500


@pytest.mark.parametrize("adr", ADRS, ids=lambda path: path.stem)
def test_a_decision_record_is_one_page_with_its_parts(adr: Path) -> None:
    heads = re.findall(r"^## (.+)$", text_of(adr), re.MULTILINE)
    assert heads == ["Context", "Decision", "Consequences", "Non-goals", "The road not taken"]
    assert text_of(adr).startswith(f"# {int(adr.stem[:4])}. ")
    assert len(text_of(adr).splitlines()) <= 60


def test_decision_records_are_numbered_without_gaps() -> None:
    assert [int(adr.stem[:4]) for adr in ADRS] == list(range(1, len(ADRS) + 1))


@pytest.mark.parametrize(
    "document", [ROOT / "docs" / "architecture.md", ROOT / "docs" / "lifecycle.md"], ids=lambda path: path.stem
)
def test_names_in_code_spans_are_names_in_the_code(document: Path) -> None:
    """`TRANSITIONS`, `diff_record`, `Staging.stage`: what looks like a name of ours is one."""
    spans = set(re.findall(r"`([A-Za-z_]+(?:\.[a-z_]+)?)`", text_of(document)))
    names = {span for span in spans if re.fullmatch(r"[A-Z_]{5,}|[A-Z][a-z]+[A-Z]\w+|[a-z]+_[a-z_]+|[A-Z][a-z]+\.[a-z_]+", span)}
    places = ("src", "connectors", "mappings")
    written = "\n".join(p.read_text("utf-8") for d in places for p in (ROOT / d).rglob("*") if p.suffix in (".py", ".yaml"))
    assert sorted(name for name in names if not re.search(rf"\b{name.rpartition('.')[2]}\b", written)) == []


def test_every_package_of_crmsync_is_on_the_map() -> None:
    page = text_of(ROOT / "docs" / "architecture.md")
    packages = [path.name for path in (ROOT / "src" / "crmsync").iterdir() if (path / "__init__.py").is_file()]
    on_the_map = {name for name in packages if f"`{name}/`" in page or re.search(rf"\b{name}\b", section(page, "Layers"))}
    assert set(packages) - on_the_map == set()
