"""Which company records are one company: corporate number, then domain, else the record itself. A name alone links nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from crmsync.identity.keys import company_domain, corporate_number, domain_of, website_domain
from crmsync.identity.vocabulary import Vocabulary

# What a company is known by where the CRMs hold a record of it: a row per record.
COMPANIES: dict[str, pl.DataType | type[pl.DataType]] = {
    "ref": pl.String,
    "company_id": pl.String,
    "name": pl.String,
    "domain": pl.String,  # null for shared mail domains
    "corporate_number": pl.String,  # with a right check digit
    "industry": pl.String,
    "employees": pl.Int64,
    "territory": pl.String,
    "owner": pl.String,  # rep_id of the record's owner
    "modified_at": pl.Datetime("us", "UTC"),
}


def companies_frame(companies: pl.DataFrame, users: pl.DataFrame, vocabulary: Vocabulary | None = None) -> pl.DataFrame:
    """The live company records with the company that each stands for, freshest record of a company first.

    `companies` has CompanySeen's columns, refs as text; `users` the columns ref and rep_id. A number that is right but belongs
    to another name than a record of the same number is a conflict: the record then stands for itself. Without `vocabulary` names
    are not compared, and no domain counts as shared."""
    shared = vocabulary.shared_domains if vocabulary else frozenset()
    live = companies.filter(~pl.col("is_deleted")).with_columns(
        _each_once("corporate_number", corporate_number),
        _each_once("domain", lambda text: company_domain(website_domain(text), shared)),
    )
    rep = users.select(pl.col("ref").alias("owner"), "rep_id").unique("owner", keep="first")
    return (
        _identified(live, vocabulary)
        .join(rep, on="owner", how="left")
        .with_columns(pl.col("rep_id").alias("owner"), pl.col("employees").cast(pl.Int64))
        .select(pl.col(name).cast(dtype) for name, dtype in COMPANIES.items())
        .sort(["company_id", "modified_at", "ref"], descending=[False, True, False])
    )


def number_company(number: str) -> str:
    """The id of a company that is known by its corporate number."""
    return f"number:{number}"


def domain_company(domain: str) -> str:
    """The id of a company that is known by its domain alone."""
    return f"domain:{domain}"


def _identified(live: pl.DataFrame, vocabulary: Vocabulary | None) -> pl.DataFrame:
    """`company_id` of each record. A record with a domain only joins the number of that domain, where there is just one. Names are
    compared where several records say one number."""
    several = live.drop_nulls("corporate_number").filter(pl.col("corporate_number").is_duplicated())
    named = several.with_columns(_name_key(vocabulary)).drop_nulls("name_key")
    clashing = named.filter(pl.col("name_key").n_unique().over("corporate_number") > 1)["corporate_number"].unique()
    numbered = live.drop_nulls(["corporate_number", "domain"]).filter(~pl.col("corporate_number").is_in(clashing.implode()))
    by_domain = (
        numbered.group_by("domain")
        .agg(pl.col("corporate_number").unique().alias("numbers"))
        .filter(pl.col("numbers").list.len() == 1)
        .select("domain", pl.col("numbers").list.first().alias("domain_number"))
    )
    number = pl.when(~pl.col("corporate_number").is_in(clashing.implode())).then("corporate_number")
    is_in_conflict = pl.col("corporate_number").is_in(clashing.implode()).fill_null(value=False)
    return live.join(by_domain, on="domain", how="left", maintain_order="left").with_columns(
        pl.when(is_in_conflict)
        .then("ref")
        .otherwise(
            pl.coalesce(
                pl.format(number_company("{}"), number),
                pl.format(number_company("{}"), pl.col("domain_number")),
                pl.format(domain_company("{}"), pl.col("domain")),
                pl.col("ref"),
            )
        )
        .alias("company_id")
    )


def _name_key(vocabulary: Vocabulary | None) -> pl.Expr:
    if vocabulary is None:
        return pl.lit(None, dtype=pl.String).alias("name_key")
    return _each_once("name", vocabulary.company_key).alias("name_key")


def _each_once(column: str, function: Callable[[str], str | None]) -> pl.Expr:
    """What the function says of the texts of a column, each of which is asked for once."""

    def told(texts: pl.Series) -> pl.Series:
        each = texts.drop_nulls().unique()
        said = pl.Series([function(text) for text in each], dtype=pl.String)
        return texts.replace_strict(each, said, default=None, return_dtype=pl.String)

    return pl.col(column).map_batches(told, return_dtype=pl.String)


def numbers_of(texts: pl.Series, companies: pl.DataFrame) -> pl.DataFrame:
    """corporate_number as it stands in `texts` → company_id; without what is no such number, or one that is disputed among the
    `companies` of `companies_frame`."""
    disputed = companies.filter(pl.col("company_id") != number_company("") + pl.col("corporate_number"))
    named = pl.DataFrame({"corporate_number": texts.drop_nulls().unique().sort()}, schema={"corporate_number": pl.String})
    return (
        named.with_columns(_each_once("corporate_number", corporate_number).alias("_number"))
        .drop_nulls()
        .filter(~pl.col("_number").is_in(disputed["corporate_number"].implode()))
        .select("corporate_number", pl.format(number_company("{}"), "_number").alias("company_id"))
    )


def domains_of(companies: pl.DataFrame) -> pl.DataFrame:
    """domain → company_id, where a domain stands for one company only."""
    pairs = companies.select("domain", "company_id").drop_nulls().unique()
    return pairs.filter(pl.len().over("domain") == 1).sort("domain")


@dataclass(frozen=True, slots=True)
class CompanyKeys:
    """What companies are known by, for resolving people: texts "number:…" and "domain:…". `of_record` by the ref of a company's
    record, deleted ones too: who worked there is still the same person. `disputed` are a number under several names and a domain
    of several numbers: neither stands for one company, and nobody is linked by them."""

    of_record: Mapping[str, tuple[str, ...]]
    disputed: frozenset[str]
    shared_domains: frozenset[str]

    @classmethod
    def of(cls, companies: Iterable[Mapping[str, Any]], vocabulary: Vocabulary) -> CompanyKeys:
        """From rows with the columns ref, name, domain, corporate_number of CompanySeen."""
        of_record: dict[str, tuple[str, ...]] = {}
        meant: dict[str, set[str]] = {}
        for row in companies:
            number = corporate_number(row["corporate_number"])
            domain = company_domain(website_domain(row["domain"]), vocabulary.shared_domains)
            of_record[row["ref"]] = _keys(number, domain)
            if number and row["name"]:
                meant.setdefault(f"number:{number}", set()).add(vocabulary.company_key(row["name"]))
            if number and domain:
                meant.setdefault(f"domain:{domain}", set()).add(number)
        disputed = frozenset(key for key, different in meant.items() if len(different) > 1)
        return cls(of_record, disputed, vocabulary.shared_domains)

    def of_person(self, row: Mapping[str, Any]) -> tuple[str, ...]:
        """What the company of a person's record is known by: the record's own number, the domain of its address, and what the
        company's record says. `row` has email, company, corporate_number of PersonSeen."""
        domain = company_domain(domain_of(row["email"]), self.shared_domains)
        own = _keys(corporate_number(row["corporate_number"]), domain)
        return tuple(sorted({*own, *self.of_record.get(row["company"] or "", ())}))


def _keys(number: str | None, domain: str | None) -> tuple[str, ...]:
    known = (("number", number), ("domain", domain))
    return tuple(f"{kind}:{value}" for kind, value in known if value)
