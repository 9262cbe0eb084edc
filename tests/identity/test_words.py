"""Titles, company names, numbers and domains as Japan writes them, with the traps."""

from __future__ import annotations

from pathlib import Path

import pytest

from crmsync.config.vocabulary import load_vocabulary
from crmsync.identity.folding import fold
from crmsync.identity.keys import company_domain, corporate_number, email_key, phone_key, postal_key, website_domain
from crmsync.identity.vocabulary import Vocabulary

MAPPINGS = Path(__file__).parents[2] / "mappings"


@pytest.fixture(scope="module")
def words() -> Vocabulary:
    return load_vocabulary([MAPPINGS])


@pytest.mark.parametrize(
    ("title", "rank"),
    [
        ("代表取締役", 9), ("代表取締役社長", 9), ("CEO", 9), ("ＣＥＯ", 9), ("C.E.O.", 9), ("President", 9),
        ("取締役", 8), ("執行役員", 8), ("常務取締役", 8), ("副社長", 8), ("CTO", 8),
        ("Vice President", 8), ("VP of Sales", 8),
        ("本部長", 7), ("事業部長", 7), ("営業本部長", 7), ("Director of Marketing", 7),
        ("部長", 6), ("営業部長", 6), ("情報システム部 部長", 6), ("工場長", 6), ("GM", 6),
        ("General Manager", 6), ("Head of IT", 6),
        ("次長", 5), ("副部長", 5), ("部長補佐", 5), ("部長代理", 5), ("担当部長", 5), ("Deputy General Manager", 5),
        ("課長", 4), ("営業部 課長", 4), ("情報システム課長", 4), ("店長", 4), ("マネージャー", 4), ("Manager", 4),
        ("IT Manager", 4),
        ("係長", 3), ("課長代理", 3), ("課長補佐", 3), ("担当課長", 3), ("Assistant Manager", 3),
        ("主任", 2), ("リーダー", 2), ("営業主任", 2), ("Team Lead", 2),
        ("担当", 1), ("一般", 1), ("営業担当", 1), ("サブリーダー", 1), ("スタッフ", 1), ("社長秘書", 1),
        ("Sales Representative", 1),
        ("Engineer", 1), ("Account Manager", 1), ("Assistant to the CEO", 1),
        ("元部長", 0), ("部長室", 0), ("社長室", 0), ("取締役会", 0), ("former Manager", 0), ("フリーランス", 0),
        ("", 0), (None, 0),
        ("部長室 課長", 4), ("取締役 兼 営業部長", 8), ("執行役員 営業本部長", 8), ("元部長 現課長", 4), ("Service Manager", 4),
        ("Apex Manager", 4),
    ],
)  # fmt: skip
def test_a_title_stands_on_its_rung(words: Vocabulary, title: str | None, rank: int) -> None:
    assert words.title_rank(title) == rank


def test_the_guides_own_example_holds(words: Vocabulary) -> None:
    assert words.title_rank("課長") >= words.ranks()["manager"] > words.title_rank("主任")


def test_a_rung_can_be_named_in_either_language(words: Vocabulary) -> None:
    ladder = words.ladder
    assert ladder.rank_of("manager") == ladder.rank_of("課長") == ladder.rank_of("Manager") == 4
    with pytest.raises(KeyError):
        ladder.rank_of("猫")


@pytest.mark.parametrize(
    "written",
    [
        "株式会社エー",
        "(株)エー",
        "（株）エー",
        "㈱エー",
        "㍿エー",
        "ｴｰ株式会社",
        "エー 株式会社",
        "エー\u3000（株）",
        "カブシキガイシャエー",
        "エ－",
        "エ株式会社ー",
        "エー\u30fb㈱",
    ],
)
def test_one_company_has_many_spellings(words: Vocabulary, written: str) -> None:
    assert words.company_key(written) == words.company_key("エー")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("有限会社髙橋商店", "高橋商店"),
        ("山﨑製作所", "(有)山崎製作所"),
        ("渡邉工業", "渡辺工業"),
        ("Northwind Software, Inc.", "ＮＯＲＴＨＷＩＮＤ　ＳＯＦＴＷＡＲＥ"),
        ("Harbor Foods Co., Ltd.", "Harbor Foods"),
        ("Maple Health K.K.", "maple health"),
        ("A・B商会", "AB商会"),
        ("テクノ‐ル", "テクノール"),
        ("テクノ―ル", "テクノール"),
        ("テクノ−ル", "テクノール"),
        ("㈲齋藤工務店", "有限会社斎藤工務店"),
        ("A‐1", "A-1"),
        ("A―1", "A-1"),
        ("A−1", "A-1"),
        ("A〜B", "A～B"),
        ("ﾄﾞﾚﾐ", "ドレミ"),
    ],
)
def test_variant_spellings_fold_to_one_key(words: Vocabulary, one: str, other: str) -> None:
    assert words.company_key(one) == words.company_key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("キヤノン商会", "キャノン商会"),
        ("ニ光", "二光"),
        ("エ業", "工業"),
        ("青葉システム", "青葉ソフト"),
        ("A〜B", "AB"),
        ("タ張", "夕張"),
        ("エーワン", "エ一ワン"),
        ("KK Foods", "Foods"),
    ],
)
def test_names_that_only_look_alike_stay_apart(words: Vocabulary, one: str, other: str) -> None:
    assert words.company_key(one) != words.company_key(other)


def test_a_name_of_nothing_but_a_legal_form_is_kept(words: Vocabulary) -> None:
    assert words.company_key("株式会社") == "株式会社"


def test_a_person_s_variant_kanji_fold() -> None:
    assert fold("髙﨑") == fold("高崎")
    assert fold("渡邉") == fold("渡邊") == fold("渡辺")
    assert fold("齋藤") == fold("斎藤")


@pytest.mark.parametrize(
    "number", ["4011001098993", "7123456789012", "7010705000725", "T7010705000725", "７０１０-７０５０-００７２５"]
)
def test_a_corporate_number_with_a_right_check_digit_counts(number: str) -> None:
    assert corporate_number(number) is not None


def test_the_check_digit_is_weak_and_takes_a_nine_for_a_nought() -> None:
    """Why a right number under another name is no match (`companies_frame`)."""
    assert corporate_number("4911001098993") == "4911001098993"


@pytest.mark.parametrize("number", ["4011001098994", "1234567890123", "401100109899", "", None, "401100109899A"])
def test_a_corporate_number_with_a_wrong_check_digit_is_none(number: str | None) -> None:
    assert corporate_number(number) is None


@pytest.mark.parametrize(
    ("domain", "is_company"),
    [
        ("aoba-system.co.jp", True), ("gmail.com", False), ("docomo.ne.jp", False), ("x.ocn.ne.jp", False),
        ("yahoo.co.jp", False), ("notgmail.com", True), ("freemail.example", False), (None, False),
    ],
)  # fmt: skip
def test_a_mail_provider_s_domain_is_no_company(words: Vocabulary, domain: str | None, is_company: bool) -> None:
    assert (company_domain(domain, words.shared_domains) is not None) is is_company


@pytest.mark.parametrize(
    "text", ["https://www.example.co.jp/about?x=1", "www.example.co.jp", "EXAMPLE.co.jp", "http://example.co.jp:8080/"]
)
def test_a_web_address_gives_its_domain(text: str) -> None:
    assert website_domain(text) == "example.co.jp"


def test_what_is_no_web_address_gives_none() -> None:
    assert website_domain("準備中") is None
    assert website_domain("") is None


def test_an_address_key_needs_exactly_one_at() -> None:
    assert email_key("Ａ@Ｘ.jp ") == "a@x.jp"
    assert [email_key(text) for text in ("a@b@c", "a", "@x", "a@", None, "a b@x.jp")] == [None] * 6


def test_a_postal_code_is_its_digits_however_it_is_written() -> None:
    assert postal_key("〒100-0001") == postal_key("１００－０００１") == postal_key("1000001") == "1000001"
    assert postal_key("sw1a 1aa") == "sw1a1aa"
    assert [postal_key(text) for text in ("", None, "-", "〒")] == [None] * 4


def test_dots_and_tags_are_not_taken_off_an_address() -> None:
    assert email_key("a.b+tag@gmail.com") != email_key("ab@gmail.com")


def test_a_phone_key_has_no_extension() -> None:
    assert phone_key("+81312345678;ext=12") == phone_key("+81312345678") == "+81312345678"
    assert phone_key("03-1234-5678") is None
