"""What all records of a person say together: one row per person.

Which record's value wins is the table `CHOICES` and nothing else, so that the order of arrival cannot matter:

    freshest       the newest record that says something; on a tie the SFA's, then the smallest ref
    oldest         the record that was there first and says something (where the person came from)
    known          as freshest, but "unknown" says nothing (BANT)
    newest_status  the record whose sales status is the newest
    any            true when any record says so, deleted ones too: an opt-out anywhere blocks everywhere
    latest, first  the latest or the earliest instant of all records

Deleted records say nothing else while the person has a live one. Values that belong together come from one record: a family
name with its given name, a source with its method, a status with its time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from crmsync.identity.companies import domain_company, domains_of, numbers_of
from crmsync.identity.folding import is_japanese
from crmsync.identity.keys import company_domain, domain_of
from crmsync.identity.vocabulary import Vocabulary

# Column of the person → (rule, the columns of one record that go together).
CHOICES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "names": ("freshest", ("family_name", "given_name")),
    "email": ("freshest", ("email",)),
    "phone": ("freshest", ("phone",)),
    "company_name": ("freshest", ("company_name",)),
    "company": ("freshest", ("company",)),
    "corporate_number": ("freshest", ("corporate_number",)),
    "title": ("freshest", ("title",)),
    "industry": ("freshest", ("industry",)),
    "employees": ("freshest", ("employees",)),
    "territory": ("freshest", ("territory",)),
    "language": ("freshest", ("language",)),
    "disqualification": ("freshest", ("disqualification",)),
    "on_hold": ("freshest", ("on_hold",)),
    "call_after": ("freshest", ("call_after",)),
    "source": ("oldest", ("source_kind", "source_method")),
    "campaign": ("oldest", ("campaign",)),
    "budget": ("known", ("budget",)),
    "authority": ("known", ("authority",)),
    "need": ("known", ("need",)),
    "timeframe": ("known", ("timeframe",)),
    "status": ("newest_status", ("sales_status", "sales_status_at")),
    "rejection_reason": ("newest_status", ("rejection_reason",)),
    "acknowledged_at": ("latest", ("acknowledged_at",)),
    "created_at": ("first", ("created_at",)),
    "opted_out": ("any", ("opted_out",)),
    "bounced": ("any", ("bounced",)),
}
SAID = tuple(name for _, columns in CHOICES.values() for name in columns if name != "sales_status_at")
"""What a record can say of a person."""
_BLANK = pl.lit(None, dtype=pl.String)
# Printable ASCII without capitals and one @: nothing about it is folded, and `keys.email_key` takes it as it stands.
_PLAIN_ADDRESS = r"^[!-~&&[^A-Z@]]+@([!-~&&[^A-Z@]]+)$"


def persons_frame(records: pl.DataFrame, companies: pl.DataFrame, vocabulary: Vocabulary) -> pl.DataFrame:
    """The persons, sorted by `person_id`, with every column of the core's PERSONS that records can say; `owner_edit`,
    `owner_edit_at` and `account_owner` need more than records and are left out.

    `records` has PersonSeen's columns with refs as "connection/object/id", and `person_id`, `role` ("sfa" | "ma" | "both").
    Where a column `fresh_at` is there, it stands for `modified_at`: since when the record says what it says (`says_the_same`).
    Without it our own write to one CRM makes that CRM's record the freshest, and an edit in the other one is overruled.
    `companies` is what `companies_frame` gave."""
    is_shared_by_records = records["person_id"].is_duplicated()
    chosen = pl.concat([_chosen(_ranked(records.filter(is_shared_by_records))), _said_alone(records.filter(~is_shared_by_records))])
    joined = _with_company(chosen, companies, vocabulary)
    return _finished(joined, vocabulary).sort("person_id")


def says_the_same(before: Sequence[object], now: Sequence[object]) -> bool:
    """Whether two versions of a record, each told by its values of SAID in their order, say the same of the person. A new version
    that does is no fresher than the old one: it was touched by our own write, or by something that means nothing here. Refs may
    be refs or their texts."""
    pairs = zip(before, now, strict=True)
    return before == now or all(one is other or _text_of(one) == _text_of(other) for one, other in pairs)


def _text_of(value: object) -> str:
    return "" if value is None else str(value)


def _ranked(records: pl.DataFrame) -> pl.DataFrame:
    """Records in the order of who speaks first, with what a deleted record may still say taken out."""
    fresh = pl.coalesce("fresh_at", "modified_at") if "fresh_at" in records.columns else pl.col("modified_at")
    is_silent = pl.col("is_deleted") & ~pl.col("is_deleted").all().over("person_id")
    return records.with_columns(
        fresh.alias("_fresh"),
        is_silent.alias("_silent"),
        (pl.col("role") == "ma").fill_null(value=True).alias("_late"),
        pl.coalesce("sales_status_at", "modified_at").alias("_status_at"),
    ).sort(["_silent", "_fresh", "_late", "ref"], descending=[False, True, False, False])


def _chosen(ranked: pl.DataFrame) -> pl.DataFrame:
    picks = [pick for rule, columns in CHOICES.values() for pick in _pick(rule, columns)]
    is_gone = pl.col("is_deleted").all().alias("is_deleted")
    return ranked.group_by("person_id", maintain_order=True).agg(*picks, is_gone)


def _said_alone(records: pl.DataFrame) -> pl.DataFrame:
    """What `_chosen` gives of persons with one record, as most have: it says what it says."""
    said = [
        pl.col(name).fill_null(value=False) if rule == "any" else pl.col(name)
        for rule, columns in CHOICES.values()
        for name in columns
    ]
    return records.select("person_id", *said, "is_deleted")


def _pick(rule: str, columns: tuple[str, ...]) -> list[pl.Expr]:
    """The expressions that choose these columns of one record, in a group sorted by `_ranked`."""
    first = columns[0]
    if rule == "any":
        return [pl.col(first).fill_null(value=False).any().alias(first)]
    if rule == "latest":
        return [pl.col(first).filter(~pl.col("_silent")).max().alias(first)]
    if rule == "first":
        return [pl.col(first).min().alias(first)]
    says = pl.any_horizontal(pl.col(name).is_not_null() for name in columns) & ~pl.col("_silent")
    if rule == "known":
        says &= pl.col(first) != "unknown"
    if rule == "oldest":
        return [
            pl.col(name).filter(says).sort_by(_of(says, "created_at"), _of(says, "ref")).first().alias(name) for name in columns
        ]
    if rule == "newest_status":
        return [_by_status(name, says) for name in columns]
    return [pl.col(name).filter(says).first().alias(name) for name in columns]


def _of(says: pl.Expr, column: str) -> pl.Expr:
    return pl.col(column).filter(says)


def _by_status(name: str, says: pl.Expr) -> pl.Expr:
    """Newest status first; of equally new ones the one that speaks first anyway."""
    order = [_of(says, "_status_at"), _of(says, "_late"), _of(says, "ref")]
    return pl.col(name).filter(says).sort_by(order, descending=[True, False, False]).first().alias(name)


def _with_company(persons: pl.DataFrame, companies: pl.DataFrame, vocabulary: Vocabulary) -> pl.DataFrame:
    """Add `company_id`, by the company's record, the number that the person's records say, or their domain; and what the company's
    record says where the person's do not: name, industry, size, territory."""
    addressed = persons.with_columns(_domains_of(persons["email"]).alias("email_domain"))
    domains = _kinds_of_domains(addressed["email_domain"], vocabulary)
    by_ref = companies.select(pl.col("ref").alias("company"), pl.col("company_id").alias("_by_ref")).unique("company", keep="first")
    by_number = numbers_of(persons["corporate_number"], companies)
    by_domain = domains_of(companies).rename({"domain": "_own_domain", "company_id": "_by_domain"})
    about = companies.unique("company_id", keep="first", maintain_order=True).select(
        "company_id", *(pl.col(name).alias(f"_{name}") for name in ("name", "industry", "employees", "territory"))
    )
    return (
        addressed.join(domains, on="email_domain", how="left")
        .join(by_ref, on="company", how="left")
        .join(by_number.rename({"company_id": "_by_number"}), on="corporate_number", how="left")
        .join(by_domain, on="_own_domain", how="left")
        .with_columns(
            pl.coalesce("_by_ref", "_by_number", "_by_domain", pl.format(domain_company("{}"), "_own_domain")).alias("company_id")
        )
        .join(about, on="company_id", how="left")
        .with_columns(
            pl.coalesce("company_name", "_name").alias("company_name"),
            pl.coalesce("industry", "_industry").alias("industry"),
            pl.coalesce(pl.col("employees").cast(pl.Int64), "_employees").alias("employees"),
            pl.coalesce("territory", "_territory").alias("territory"),
        )
    )


def _domains_of(emails: pl.Series) -> pl.Series:
    """What `domain_of` says of each: of plain addresses it is what stands after the @, the others are asked one by one."""
    plain = emails.str.extract(_PLAIN_ADDRESS, 1)
    if plain.null_count() == emails.null_count():
        return plain
    odd = emails.filter(plain.is_null() & emails.is_not_null()).unique()
    told = pl.Series([domain_of(email) for email in odd], dtype=pl.String)
    return plain.fill_null(emails.replace_strict(odd, told, default=None, return_dtype=pl.String))


def _kinds_of_domains(domains: pl.Series, vocabulary: Vocabulary) -> pl.DataFrame:
    """email_domain, free_mail, _own_domain: each domain is looked up once, however many people have an address there. One that
    cannot stand for a company is of a mail service."""
    each, shared = domains.drop_nulls().unique(), vocabulary.shared_domains
    own = pl.Series([company_domain(domain, shared) for domain in each], dtype=pl.String)
    return pl.DataFrame({"email_domain": each, "free_mail": own.is_null(), "_own_domain": own})


def _finished(persons: pl.DataFrame, vocabulary: Vocabulary) -> pl.DataFrame:
    """Names as reps read them, ranks, what is missing to be a lead, and the language where no record says it."""
    titled = _with_ranks(persons, vocabulary)
    named = titled.with_columns(
        _display().alias("name"),
        pl.col("free_mail").fill_null(value=False),
        *(pl.col(item).fill_null("unknown") for item in ("budget", "authority", "need", "timeframe")),
    )
    missing = named.with_columns(pl.concat_list(_missing()).list.drop_nulls().alias("missing"))
    return missing.with_columns(
        (pl.col("missing").list.len() == 0).alias("identified"), pl.coalesce("language", _language()).alias("language")
    ).drop("family_name", "given_name", "company", "corporate_number", "^_.*$")


def _with_ranks(persons: pl.DataFrame, vocabulary: Vocabulary) -> pl.DataFrame:
    """Each title is read once, however many people bear it."""
    titles = persons.select("title").drop_nulls().unique()
    ranks = [vocabulary.title_rank(title) for title in titles["title"]]
    ranked = titles.with_columns(pl.Series("title_rank", ranks, dtype=pl.Int64))
    return persons.join(ranked, on="title", how="left").with_columns(pl.col("title_rank").fill_null(0))


def _missing() -> list[pl.Expr]:
    """What a lead needs and this person lacks (DOMAIN.md §1)."""
    lacks = {
        "company_name": pl.col("company_name").is_null(),
        "name": pl.col("name").is_null(),
        "contact": pl.col("email").is_null() & pl.col("phone").is_null(),
    }
    return [pl.when(lack).then(pl.lit(name)).otherwise(_BLANK) for name, lack in lacks.items()]


def _display() -> pl.Expr:
    """Family name first where the name is Japanese, else given name first."""
    family, given = pl.col("family_name").fill_null(""), pl.col("given_name").fill_null("")
    is_family_first = is_japanese(family) | is_japanese(given)
    first, second = (pl.when(is_family_first).then(one).otherwise(other) for one, other in ((family, given), (given, family)))
    name = first + pl.when((first != "") & (second != "")).then(pl.lit(" ")).otherwise(pl.lit("")) + second
    return pl.when(name != "").then(name)


def _language() -> pl.Expr:
    """A guess: Japanese where anything about the person is written so or the address is of .jp, English where a name is Latin."""
    texts = [is_japanese(pl.col(name)) for name in ("name", "company_name", "title")]
    of_japan = pl.col("email_domain").str.ends_with(".jp").fill_null(value=False)
    is_named = pl.col("name").fill_null("") != ""
    return pl.when(pl.any_horizontal(*texts, of_japan)).then(pl.lit("ja")).when(is_named).then(pl.lit("en"))
