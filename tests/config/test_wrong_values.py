"""What is wrong with a value is told in the reader's language, with what belongs there instead."""

from __future__ import annotations

import pytest

from crmsync.config.document import FileModel, parse_document, validate
from crmsync.config.settings_file import SettingsFile
from crmsync.errors import FixConfig
from crmsync.messages import Language, say

CONNECTION = "connections:\n  - name: ma\n    connector: hubspot\n    role: ma\n"


def told(text: str, language: Language, model: type[FileModel] = SettingsFile) -> list[str]:
    with pytest.raises(FixConfig) as found:
        validate(parse_document(text, "crmsync.yaml"), model)
    return [say(problem.code, language, **problem.params) for problem in found.value.problems]


@pytest.mark.parametrize(
    ("line", "english", "japanese"),
    [
        ("schedule: {every_minutes: soon}", "write a whole number", "整数を書いてください"),
        ("schedule: {every_minutes: 2.5}", "write a whole number", "整数を書いてください"),
        ("schedule: {every_minutes: 0}", "it must be 1 or more", "1 以上にしてください"),
        ("schedule: {jitter_seconds: 9999}", "it must be 3600 or less", "3600 以下にしてください"),
        ("schedule: often", "keys with values belong here", "ここにはキーと値の組を書いてください"),
        ("objects: contacts", "a list belongs here", "ここには一覧(リスト)を書いてください"),
        ("country: Japan", "it must have the form ^[A-Z]{2}$", "^[A-Z]{2}$ の形式で書いてください"),
        ("reserve_share: most", "write a number", "数値を書いてください"),
        ("base_urls: {api: 8}", "write a text", "文字列を書いてください"),
        ("budget: [{lane: burst, calls: 5, seconds: 0}]", "it must be more than 0", "0 より大きい値にしてください"),
        ("change_events: {objects: []}", "1 entries at least belong here", "1 件以上書いてください"),
        ("webhooks: {public_url: x, account: ''}", "it must have 1 characters at least", "1 文字以上にしてください"),
        (
            "writing: {policy: careful}",
            "write one of: observe, create-only, no-clear, full",
            "次のいずれかを書いてください: observe, create-only, no-clear, full",
        ),
        ("auth: {token: {}}", "give exactly one of 'env' and 'file'", "「env」と「file」のどちらか一方だけを書いてください"),
    ],
)
def test_a_wrong_value_is_told_with_what_belongs_there(line: str, english: str, japanese: str) -> None:
    text = f"{CONNECTION}    {line}\n"
    (in_english,), (in_japanese,) = told(text, "en"), told(text, "ja")
    assert in_english.endswith(f": {english}.")
    assert in_japanese.endswith(f": {japanese}。")


@pytest.mark.parametrize(
    ("key", "english"),
    [
        ("languge: ja", "Unknown key 'languge'. Nearest known key: 'language'. Correct or remove it."),
        ("zzz: 1", "Unknown key 'zzz'. Correct or remove it."),
    ],
)
def test_a_key_that_is_like_no_other_is_not_likened_to_one(key: str, english: str) -> None:
    assert told(f"{CONNECTION}{key}\n", "en") == [english]
