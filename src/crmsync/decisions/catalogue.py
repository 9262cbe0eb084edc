"""Every column that a condition may name: its type, what it means in both languages, and the values it can take.

The list is the documentation: pages are generated from it and the parser checks against it. `ATTRIBUTES` is what a fit rule
may see (who somebody is); `DECIDED` is what scoring and earlier decisions add for definitions and phase rules.
"""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

ColumnType = Literal["text", "number", "boolean", "instant"]

BANT_LEVELS = ("no", "partial", "yes")
"""What IS heard, in rising order (DOMAIN.md §5.4). "unknown" has no place in the order: an unknown is never a yes."""

BANT_COLUMNS = ("budget", "authority", "need", "timeframe")
OPPORTUNITY_STATES = ("open", "won", "lost")
_BANT = ("unknown", *BANT_LEVELS)


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the frame on which conditions run. `values` lists everything a text column can hold; empty = free text."""

    name: str
    type: ColumnType
    en: str
    ja: str
    values: tuple[str, ...] = ()


ATTRIBUTES: tuple[Column, ...] = (
    Column("person_id", "text", "our id of the person", "当システムでの人物の ID"),
    Column("name", "text", "the person's name", "氏名"),
    Column("email", "text", "e-mail address", "メールアドレス"),
    Column("email_domain", "text", "part of the e-mail address after @", "メールアドレスのドメイン"),
    Column("free_mail", "boolean", "the address is of a free or consumer mail service", "フリーメール・個人向けメールのアドレスか"),
    Column("phone", "text", "phone number", "電話番号"),
    Column("company_id", "text", "our id of the company", "当システムでの企業の ID"),
    Column("company_name", "text", "company name", "企業名"),
    Column("title", "text", "job title as written", "役職(原文)"),
    Column("title_rank", "number", "rung of the title ladder; 0 = unknown title", "役職の段位(0 は不明)"),
    Column("industry", "text", "industry", "業種"),
    Column("employees", "number", "number of employees of the company", "従業員数"),
    Column("territory", "text", "sales territory", "担当地域"),
    Column("language", "text", "language the person is served in", "対応言語", ("ja", "en")),
    Column("identified", "boolean", "company, name and a contact are all known", "企業名・氏名・連絡先がそろっているか"),
    Column("source_kind", "text", "how the person was acquired", "獲得経路の種類", ("inbound", "outbound")),
    Column("source_method", "text", "method of acquisition", "獲得手法"),
    Column("campaign", "text", "campaign of acquisition", "獲得キャンペーン"),
    Column("created_at", "instant", "first record of the person was created", "最初のレコードの作成日時"),
    Column("opted_out", "boolean", "wants no contact, as any record says", "連絡拒否(いずれかのレコードによる)"),
    Column("bounced", "boolean", "mail to the address bounces", "メール不達"),
    Column("disqualification", "text", "reason for exclusion that a person set in a CRM", "CRM で人が設定した除外理由"),
    Column("on_hold", "text", "why nobody is to act now, as a person set it in a CRM", "CRM で人が設定した保留理由"),
    Column("call_after", "instant", "asked to be approached after this time", "連絡希望日時(それ以降)"),
    Column("budget", "text", "BANT: budget", "BANT の予算", _BANT),
    Column("authority", "text", "BANT: authority", "BANT の決裁権", _BANT),
    Column("need", "text", "BANT: need", "BANT の必要性", _BANT),
    Column("timeframe", "text", "BANT: timeframe", "BANT の導入時期", _BANT),
    Column("sales_status", "text", "status set in the CRM", "CRM の対応状況", ("new", "working", "accepted", "rejected")),
    Column("sales_status_at", "instant", "the status holds since", "対応状況の設定日時"),
    Column("rejection_reason", "text", "why inside sales rejected", "インサイドセールスの差戻し理由"),
    Column("acknowledged_at", "instant", "customer success took over at", "カスタマーサクセスの引き受け日時"),
    Column("owner_edit", "text", "owner set by hand in a CRM", "CRM で人が設定した担当者"),
    Column("owner_edit_at", "instant", "owner set by hand at", "担当者が人により設定された日時"),
    Column("account_owner", "text", "owner of the company's record", "企業の担当者"),
    Column("is_deleted", "boolean", "every record of the person is gone", "全レコードが削除済みか"),
)

DECIDED: tuple[Column, ...] = (
    Column("fit", "number", "points for attributes", "属性スコア"),
    Column("interest", "number", "points for behaviour, decayed", "行動スコア(減衰後)"),
    Column("score", "number", "fit + interest", "スコア(属性 + 行動)"),
    Column("hot_evidence_at", "instant", "newest touch that asks for a talk outright", "明確な引き合い行動の最新日時"),
    Column("last_touch_at", "instant", "newest touch of any kind", "最新の行動日時"),
    Column("last_touch_kind", "text", "kind of the newest touch", "最新の行動の種類"),
    Column("temperature", "text", "how keen the person is", "温度感", ("hot", "warm", "cold")),
    Column("temperature_at", "instant", "the temperature holds since", "温度感の変化日時"),
    Column(
        "phase",
        "text",
        "where the baton is",
        "フェーズ",
        ("unidentified", "inquiry", "mql", "sql", "closed_won", "closed_lost", "recycled", "disqualified"),
    ),
    Column("phase_at", "instant", "the phase holds since", "フェーズの開始日時"),
    Column("cycle", "number", "times recycled", "リサイクル回数"),
    Column("owner", "text", "who answers now", "現在の担当者"),
    Column(
        "department",
        "text",
        "department of the owner",
        "担当部門",
        ("marketing", "inside_sales", "field_sales", "customer_success"),
    ),
    Column("owner_at", "instant", "the owner holds since", "担当開始日時"),
    Column("handed_over_at", "instant", "last hand-over to inside sales", "インサイドセールスへの最終引き渡し日時"),
    Column("recycled_at", "instant", "last recycle", "最終リサイクル日時"),
    Column("recycle_reason", "text", "why recycled", "リサイクル理由"),
    Column("not_before", "instant", "no re-qualification before", "再判定の解禁日時"),
    Column("lost_reason", "text", "why the opportunity was lost", "失注理由"),
    Column("qualified_since", "instant", "waiting in the valve's queue since", "引き渡し待ちの開始日時"),
)

Function = Literal[
    "touches",
    "days_since_touch",
    "approaches",
    "days_since_approach",
    "opportunities",
    "days_since_opportunity",
    "days_since",
    "rank",
    "bant_at_least",
    "bant_count",
    "lower",
    "upper",
    "coalesce",
]

BEHAVIOUR: frozenset[Function] = frozenset(
    {"touches", "days_since_touch", "approaches", "days_since_approach", "opportunities", "days_since_opportunity"}
)
PLAIN: frozenset[Function] = frozenset({"days_since", "rank", "bant_at_least", "bant_count", "lower", "upper", "coalesce"})

FUNCTION_HELP: Mapping[Function, tuple[str, str, str]] = {
    "touches": (
        "touches('pricing_page', 30)",
        "how many touches of this kind in the last 30 days; without days: ever; 'any' = every kind",
        "直近 30 日のその種類の行動の回数。日数を省くと全期間、'any' は全種類",
    ),
    "days_since_touch": (
        "days_since_touch('seminar')",
        "days since the newest touch of this kind, unknown where there is none; 'any' = every kind",
        "その種類の最新の行動からの日数(無ければ不明)。'any' は全種類",
    ),
    "approaches": (
        "approaches('call', 14)",
        "how many approaches of ours of this kind in the last 14 days; without days: ever; 'any' = every kind",
        "直近 14 日のその種類の当方からの接触の回数。日数を省くと全期間、'any' は全種類",
    ),
    "days_since_approach": (
        "days_since_approach('any')",
        "days since our newest approach of this kind, unknown where there is none",
        "当方からのその種類の最新の接触からの日数(無ければ不明)",
    ),
    "opportunities": (
        "opportunities('open')",
        "how many opportunities are now 'open', 'won' or 'lost' ('any' = all); with days: created within them",
        "現在その状態('open'、'won'、'lost'、'any' は全て)にある商談の数。日数を付けると、その期間に作成されたもの",
    ),
    "days_since_opportunity": (
        "days_since_opportunity('lost')",
        "days since the newest opportunity in this state was created, unknown where there is none",
        "その状態の最新の商談が作成されてからの日数(無ければ不明)",
    ),
    "days_since": ("days_since(phase_at)", "days since this time, unknown where there is none", "その日時からの日数(無ければ不明)"),
    "rank": ("rank('manager')", "the rung of this title on the ladder, by its English or Japanese name", "役職名(日英)の段位"),
    "bant_at_least": (
        "bant_at_least('need', 'partial')",
        "what is known of this BANT item is at least that",
        "BANT のその項目が指定の水準以上",
    ),
    "bant_count": (
        "bant_count('partial')",
        "how many of the four BANT items are at least that",
        "BANT の 4 項目のうち指定の水準以上の数",
    ),
    "lower": ("lower(email_domain)", "the text in lower case", "小文字にした文字列"),
    "upper": ("upper(territory)", "the text in upper case", "大文字にした文字列"),
    "coalesce": ("coalesce(employees, 0)", "the first of these that is known", "最初の不明でない値"),
}
"""Function → example, meaning in English, meaning in Japanese."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What conditions of one kind may use. `ladder` is rung name (either language, any case) → rank. `touch_kinds` are the words
    of the mappings in use; None leaves kinds unchecked (a mapping may still bring them)."""

    columns: Mapping[str, Column]
    functions: frozenset[Function]
    ladder: Mapping[str, int] = field(default_factory=dict)
    touch_kinds: frozenset[str] | None = None


def attributes(ladder: Mapping[str, int]) -> Catalogue:
    """What a fit rule may use: who somebody is, never what they did."""
    return Catalogue({c.name: c for c in ATTRIBUTES}, PLAIN, _folded(ladder))


def everything(ladder: Mapping[str, int], touch_kinds: frozenset[str] | None = None) -> Catalogue:
    """What a definition or a phase rule may use: attributes, scores, state, and counts over touches and approaches."""
    return Catalogue({c.name: c for c in (*ATTRIBUTES, *DECIDED)}, PLAIN | BEHAVIOUR, _folded(ladder), touch_kinds)


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word that looks most like this one; "" where none does."""
    found = difflib.get_close_matches(word.lower(), sorted(known), n=1, cutoff=0.5)
    return found[0] if found else ""


def _folded(ladder: Mapping[str, int]) -> dict[str, int]:
    return {fold(name): rank for name, rank in ladder.items()}


def fold(name: str) -> str:
    """A rung's name as it is compared: width and case do not matter."""
    return unicodedata.normalize("NFKC", name).casefold().strip()
