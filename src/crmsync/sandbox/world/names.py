"""Names and titles to draw people from: common ones, so that nobody real is meant. Pure tables, and how to write a name."""

from __future__ import annotations

from dataclasses import dataclass

from crmsync.sandbox.world.dice import Dice


@dataclass(frozen=True, slots=True)
class NamePart:
    """A family or given name: as written, in katakana, in Latin letters."""

    written: str
    kana: str
    latin: str


@dataclass(frozen=True, slots=True)
class PersonName:
    family: NamePart
    given: NamePart
    language: str  # "ja" | "en"


def _parts(table: str) -> tuple[NamePart, ...]:
    return tuple(NamePart(*row.split("/")) for row in table.split())


def _words(table: str) -> tuple[str, ...]:
    return tuple(table.split())


_FAMILIES = _parts("""
佐藤/サトウ/sato 鈴木/スズキ/suzuki 高橋/タカハシ/takahashi 田中/タナカ/tanaka 伊藤/イトウ/ito 渡辺/ワタナベ/watanabe
渡邊/ワタナベ/watanabe 山本/ヤマモト/yamamoto 中村/ナカムラ/nakamura 小林/コバヤシ/kobayashi 加藤/カトウ/kato
吉田/ヨシダ/yoshida 山田/ヤマダ/yamada 佐々木/ササキ/sasaki 山口/ヤマグチ/yamaguchi 松本/マツモト/matsumoto 井上/イノウエ/inoue
木村/キムラ/kimura 林/ハヤシ/hayashi 斎藤/サイトウ/saito 齋藤/サイトウ/saito 清水/シミズ/shimizu 山崎/ヤマザキ/yamazaki
森/モリ/mori 池田/イケダ/ikeda 橋本/ハシモト/hashimoto 阿部/アベ/abe 石川/イシカワ/ishikawa 山下/ヤマシタ/yamashita
中島/ナカジマ/nakajima 石井/イシイ/ishii 小川/オガワ/ogawa 前田/マエダ/maeda 岡田/オカダ/okada 長谷川/ハセガワ/hasegawa
藤田/フジタ/fujita 後藤/ゴトウ/goto 近藤/コンドウ/kondo 村上/ムラカミ/murakami 遠藤/エンドウ/endo 青木/アオキ/aoki
坂本/サカモト/sakamoto 福田/フクダ/fukuda 太田/オオタ/ota 西村/ニシムラ/nishimura 藤井/フジイ/fujii 岡本/オカモト/okamoto
三浦/ミウラ/miura 藤原/フジワラ/fujiwara 松田/マツダ/matsuda 中川/ナカガワ/nakagawa 中野/ナカノ/nakano 原田/ハラダ/harada
小野/オノ/ono 髙田/タカダ/takada 田村/タムラ/tamura 竹内/タケウチ/takeuchi 金子/カネコ/kaneko 和田/ワダ/wada
中山/ナカヤマ/nakayama 石田/イシダ/ishida
""")
_GIVENS = _parts("""
翔太/ショウタ/shota 大輔/ダイスケ/daisuke 健一/ケンイチ/kenichi 拓也/タクヤ/takuya 直樹/ナオキ/naoki 浩二/コウジ/koji
誠/マコト/makoto 隆/タカシ/takashi 洋平/ヨウヘイ/yohei 亮/リョウ/ryo 蓮/レン/ren 陽斗/ハルト/haruto 和也/カズヤ/kazuya
修/オサム/osamu 剛/ツヨシ/tsuyoshi 学/マナブ/manabu 茂/シゲル/shigeru 涼介/リョウスケ/ryosuke 俊介/シュンスケ/shunsuke
雄太/ユウタ/yuta 恵子/ケイコ/keiko 由美/ユミ/yumi 美咲/ミサキ/misaki 陽子/ヨウコ/yoko 明美/アケミ/akemi 久美子/クミコ/kumiko
真由美/マユミ/mayumi 愛/アイ/ai 彩/アヤ/aya 結衣/ユイ/yui 葵/アオイ/aoi 香織/カオリ/kaori 裕子/ユウコ/yuko 智子/トモコ/tomoko
麻衣/マイ/mai 千尋/チヒロ/chihiro 奈々/ナナ/nana 舞/マイ/mai さくら/サクラ/sakura ひかり/ヒカリ/hikari めぐみ/メグミ/megumi
薫/カオル/kaoru 純/ジュン/jun 光/ヒカル/hikaru 優/ユウ/yu 翼/ツバサ/tsubasa
""")
_FAMILIES_EN = _words(
    "Smith Johnson Brown Taylor Wilson Davies Evans Thomas Roberts Walker Wright Robinson Thompson White Hughes Edwards Green "
    "Hall Wood Harris Martin Jackson Clarke Clark Turner Hill Scott Cooper Morris Ward Moore King Baker Lee Allen Young Patel"
)
_GIVENS_EN = _words(
    "James Mary John Patricia Robert Jennifer Michael Linda William Elizabeth David Barbara Richard Susan Joseph Jessica Sarah "
    "Charles Karen Daniel Nancy Matthew Lisa Anthony Betty Mark Sandra Paul Ashley Steven Emily Andrew Donna Joshua Carol Kevin"
)

# Rank on the ladder (9 president … 1 staff), and titles of that rank as people write them. The odd ones are there on purpose.
_TITLES_JA: dict[int, tuple[str, ...]] = {
    9: ("代表取締役", "代表取締役社長", "社長", "CEO"),
    8: ("取締役", "執行役員", "常務取締役", "CTO"),
    7: ("本部長", "事業部長", "営業本部長"),
    6: ("部長", "営業部長", "情報システム部 部長", "マーケティング部長"),
    5: ("次長", "部長代理", "副部長"),
    4: ("課長", "営業部 課長", "情報システム課長", "総務課長"),
    3: ("課長代理", "係長", "課長補佐"),
    2: ("主任", "リーダー", "営業主任"),
    1: ("担当", "一般", "営業担当", "スタッフ"),
}
_TITLES_EN: dict[int, tuple[str, ...]] = {
    9: ("CEO", "President"),
    8: ("CTO", "CFO", "VP of Sales", "Vice President"),
    7: ("Director", "Director of Marketing"),
    6: ("Head of IT", "General Manager"),
    4: ("Manager", "Sales Manager", "IT Manager"),
    2: ("Team Lead",),
    1: ("Specialist", "Sales Representative", "Engineer"),
}
_RANKS = {9: 0.06, 8: 0.06, 7: 0.06, 6: 0.13, 5: 0.06, 4: 0.22, 3: 0.11, 2: 0.14, 1: 0.16}


def draw_name(dice: Dice, japanese: float) -> PersonName:
    """A person's name; Japanese with the probability `japanese`."""
    if dice.chance(japanese):
        return PersonName(dice.pick(_FAMILIES), dice.pick(_GIVENS), "ja")
    family, given = dice.pick(_FAMILIES_EN), dice.pick(_GIVENS_EN)
    return PersonName(NamePart(family, "", family.lower()), NamePart(given, "", given.lower()), "en")


def draw_title(dice: Dice, language: str) -> tuple[str, int]:
    """A title and its rank on the ladder."""
    ladder = _TITLES_JA if language == "ja" else _TITLES_EN
    rank = dice.weighted({rank: weight for rank, weight in _RANKS.items() if rank in ladder})
    return dice.pick(ladder[rank]), rank


def full_width(text: str) -> str:
    """ASCII letters, digits and signs in their full-width forms, as people type them with a Japanese keyboard."""
    return "".join(chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char for char in text)
