"""Companies to draw from: Japanese and English, with the many ways in which one name is written. All domains are reserved."""

from __future__ import annotations

from dataclasses import dataclass

from crmsync.sandbox.world.dice import Dice
from crmsync.sandbox.world.names import full_width

_STEMS = {
    "青葉": "aoba", "東都": "toto", "北斗": "hokuto", "みどり": "midori", "大和": "yamato", "富士見": "fujimi", "さくら": "sakura",
    "光洋": "koyo", "三栄": "sanei", "新星": "shinsei", "明和": "meiwa", "旭": "asahi", "瑞穂": "mizuho", "若葉": "wakaba",
    "平和": "heiwa", "日進": "nisshin", "共栄": "kyoei", "扶桑": "fuso", "昭栄": "shoei", "千歳": "chitose", "白鳥": "hakucho",
    "山手": "yamate", "湊": "minato", "松風": "matsukaze", "高砂": "takasago", "アルファ": "alpha", "ミライ": "mirai",
    "ネクスト": "next", "エー": "ei", "サンライズ": "sunrise", "テクノ": "techno", "グローバル": "global", "ブルー": "blue",
}  # fmt: skip
_TRADES = {
    "製作所": ("seisakusho", "Manufacturing"), "工業": ("kogyo", "Manufacturing"), "電機": ("denki", "Electronics"),
    "システム": ("system", "Technology"), "ソフト": ("soft", "Technology"), "物流": ("butsuryu", "Transportation"),
    "商事": ("shoji", "Retail"), "食品": ("shokuhin", "Food & Beverage"), "建設": ("kensetsu", "Construction"),
    "不動産": ("fudosan", "Finance"), "メディカル": ("medical", "Healthcare"), "コンサルティング": ("consulting", "Consulting"),
    "フーズ": ("foods", "Food & Beverage"), "ロジスティクス": ("logistics", "Transportation"), "教育": ("kyoiku", "Education"),
}  # fmt: skip
_STEMS_EN = (
    "Northwind", "Harbor", "Summit", "Cedar", "Granite", "Beacon", "Orchard", "Riverside", "Keystone", "Lakeside", "Maple",
    "Ironbridge", "Juniper", "Falcon",
)  # fmt: skip
_TRADES_EN = {
    "Manufacturing": "Manufacturing", "Software": "Technology", "Logistics": "Transportation", "Foods": "Food & Beverage",
    "Consulting": "Consulting", "Health": "Healthcare", "Media": "Media", "Electronics": "Electronics",
}  # fmt: skip
_FORMS_EN = ("Inc.", "Ltd.", "K.K.", "LLC", "Co., Ltd.")
_PREFECTURES = {
    "東京都": 0.42, "大阪府": 0.14, "神奈川県": 0.10, "愛知県": 0.09, "福岡県": 0.06, "埼玉県": 0.05, "千葉県": 0.04,
    "京都府": 0.03, "北海道": 0.03, "宮城県": 0.02, "広島県": 0.02,
}  # fmt: skip
_BANDS = {(1, 5): 0.06, (6, 20): 0.14, (21, 50): 0.18, (51, 100): 0.18, (101, 300): 0.21, (301, 1000): 0.14, (1001, 9000): 0.09}
_HALF_KANA = dict(
    zip("アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワヲンァィゥェォッャュョー",
        "ｱｲｳｴｵｶｷｸｹｺｻｼｽｾｿﾀﾁﾂﾃﾄﾅﾆﾇﾈﾉﾊﾋﾌﾍﾎﾏﾐﾑﾒﾓﾔﾕﾖﾗﾘﾙﾚﾛﾜｦﾝｧｨｩｪｫｯｬｭｮｰ", strict=True)
) | {"ガ": "ｶﾞ", "グ": "ｸﾞ", "ジ": "ｼﾞ", "ズ": "ｽﾞ", "デ": "ﾃﾞ", "ド": "ﾄﾞ", "バ": "ﾊﾞ", "ブ": "ﾌﾞ", "プ": "ﾌﾟ"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Company:
    """One organisation. `variants` are other spellings of the same name that people type; `name` is the registered one."""

    index: int
    name: str
    variants: tuple[str, ...]
    language: str
    domain: str
    industry: str
    employees: int
    prefecture: str
    corporate_number: str | None


def draw_company(seed: int, index: int, japanese: float) -> Company:
    """Company number `index` of the world. Domains never collide: they carry the index."""
    dice = Dice(seed, "company", index)
    employees = dice.whole(*dice.weighted(_BANDS))
    prefecture = dice.weighted(_PREFECTURES)
    if dice.chance(japanese):
        stem, trade = dice.pick(list(_STEMS)), dice.pick(list(_TRADES))
        latin, industry = _TRADES[trade]
        name, variants = _japanese_forms(stem + trade, dice.chance(0.65))
        domain, language = f"{_STEMS[stem]}-{latin}{index}.example", "ja"
        number = corporate_number(dice.whole(100_000_000_000, 999_999_999_999)) if dice.chance(0.5) else None
        return Company(index, name, variants, language, domain, industry, employees, prefecture, number)
    stem, trade = dice.pick(_STEMS_EN), dice.pick(list(_TRADES_EN))
    form, plain = dice.pick(_FORMS_EN), f"{stem} {trade}"
    variants = (plain, f"{plain}, {form}", plain.upper(), full_width(plain).replace(" ", "\u3000"))
    domain = f"{stem.lower()}-{trade.lower()}{index}.example"
    return Company(index, f"{plain} {form}", variants, "en", domain, _TRADES_EN[trade], employees, prefecture, None)


def corporate_number(base: int) -> str:
    """The 13 digits of a 法人番号 for 12 base digits. The check digit leads: 9 - (weighted sum mod 9), weights 1, 2 in turn."""
    digits = f"{base:012d}"
    total = sum(int(digit) * (1 if place % 2 == 0 else 2) for place, digit in enumerate(reversed(digits)))
    return f"{9 - total % 9}{digits}"


def half_width_kana(text: str) -> str:
    return "".join(_HALF_KANA.get(char, char) for char in text)


def _japanese_forms(core: str, form_first: bool) -> tuple[str, tuple[str, ...]]:
    if form_first:
        return f"株式会社{core}", (f"(株){core}", f"㈱{core}", f"株式会社\u3000{core}", f"（株）{half_width_kana(core)}")
    return f"{core}株式会社", (f"{core}(株)", f"{core}㈱", f"{core}\u3000株式会社", f"{half_width_kana(core)}株式会社")
