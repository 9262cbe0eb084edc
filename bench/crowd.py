"""Persons by the hundred thousand in a store, without a CRM that holds them: staged, read, resolved and decided as a cycle does
(`crowd`), or written by the database itself (`fill`), a million with ten million touches in a minute."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import text

from crmsync.model.records import RawRecord
from crmsync.planning.plan import make_plan
from crmsync.store.tables import to_micros
from crmsync.sync.collector import collector_at_rest
from crmsync.sync.decide import decide
from crmsync.sync.keep import keep
from crmsync.sync.normalise import normalise
from crmsync.sync.plan import Prepared
from crmsync.sync.resolve import resolve
from crmsync.sync.rest import rest_after
from crmsync.sync.workspace import Moment, Workspace

AT_ONCE = 20_000
FIRST_ID = 900_000_000
"""Beyond the ids that the sandbox gives."""


def crowd(space: Workspace, persons: int, now: datetime) -> None:
    """Fill the store of a settled HubSpot workspace, and leave it as quiet as a cycle does that had nothing to write."""
    cursor = space.store.staging.cursor("crm", "contacts") or {}
    for start in range(0, persons, AT_ONCE):
        records = [_contact(n, now) for n in range(start, min(start + AT_ONCE, persons))]
        space.store.staging.stage("crm", "contacts", records, cursor, now)
        normalise(space, now)
    resolve(space, now)
    with collector_at_rest():
        _decided(space, now)
        prepared = _decided(space, now)  # the second time says nothing new
    rest_after(space, prepared, Moment(now), is_complete=True)


def fill(space: Workspace, persons: int, touches: int, now: datetime) -> None:
    """Write the records of so many persons, known by their links, with so many touches each, of the last 540 days. The first is
    crm/contacts/101 of person0@sample0.example."""
    with space.store.transaction() as db:
        given = {"persons": persons, "touches": touches, "now": to_micros(now)}
        for statement in (_PEOPLE, _TOUCHES, _LINKS, _FILED):
            db.execute(text(statement), given)


_NUMBERS = "WITH RECURSIVE person_number(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM person_number WHERE n + 1 < :persons)"
_DAY = 86_400_000_000
_PEOPLE = f"""
{_NUMBERS}
INSERT INTO person (ref, learnt_at, created_at, modified_at, email, phone, family_name, given_name, company_name, title, industry,
                    employees, territory, source_kind, budget, authority, need, timeframe, links, is_deleted, is_read_only)
SELECT 'crm/contacts/' || (n + 101), :now, :now - (n % 500) * {_DAY} - (n % 1440) * 60000000, :now - (n % 2000) * 3600000000,
       'person' || n || '@sample' || (n % 9973) || '.example', '+8133' || printf('%07d', n % 10000000),
       CASE n % 4 WHEN 0 THEN '佐藤' WHEN 1 THEN '鈴木' WHEN 2 THEN '高橋' ELSE '田中' END,
       CASE n % 3 WHEN 0 THEN '太郎' WHEN 1 THEN '花子' ELSE '健' END, '株式会社サンプル' || (n % 9973),
       CASE n % 4 WHEN 0 THEN '部長' WHEN 1 THEN '課長' WHEN 2 THEN '係長' ELSE '担当' END,
       CASE n % 3 WHEN 0 THEN '製造' WHEN 1 THEN '小売' ELSE '情報通信' END, 10 + n % 3000,
       CASE n % 2 WHEN 0 THEN '東京都' ELSE '大阪府' END, CASE n % 2 WHEN 0 THEN 'inbound' ELSE 'outbound' END,
       'unknown', 'unknown', 'unknown', 'unknown', '[]', 0, 0
FROM person_number"""
_TOUCHES = f"""
{_NUMBERS}, each(e) AS (SELECT 0 UNION ALL SELECT e + 1 FROM each WHERE e + 1 < :touches),
drawn(n, e, mixed) AS (SELECT n, e, (n * 7919 + e * 104729) % 1000003 FROM person_number CROSS JOIN each)
INSERT INTO touch (ref, kind, learnt_at, at, person, is_deleted)
SELECT 'crm/page_views/' || n || '-' || e,
       CASE mixed % 8 WHEN 0 THEN 'seminar' WHEN 1 THEN 'document_request' WHEN 2 THEN 'email_click' WHEN 3 THEN 'pricing_page'
                      WHEN 4 THEN 'case_page' WHEN 5 THEN 'email_open' ELSE 'page_view' END,
       :now, :now - (mixed % 777600) * 60000000, 'crm/contacts/' || (n + 101), 0
FROM drawn"""
_LINKS = f"""
{_NUMBERS}
INSERT INTO link (record, person_id, rule, evidence, linked_at)
SELECT 'crm/contacts/' || (n + 101), 'p' || printf('%09d', n), 'new',
       '{{"emails": ["person' || n || '@sample' || (n % 9973) || '.example"]}}', :now
FROM person_number"""
_FILED = f"""
{_NUMBERS}
INSERT INTO filed (term, ref)
SELECT 'email:person' || n || '@sample' || (n % 9973) || '.example', 'crm/contacts/' || (n + 101) FROM person_number"""


def _decided(space: Workspace, now: datetime) -> Prepared:
    decided = decide(space, now)
    prepared = Prepared(decided, make_plan([], [], now), tuple(decided.desired["person_id"]))
    run_id = keep(space, prepared, Moment(now), "bench")
    space.store.runs.end(run_id, "done", {})
    return prepared


def _contact(n: int, now: datetime) -> RawRecord:
    stamp = now - timedelta(days=1 + n % 400, seconds=n % 86_400)
    shown = stamp.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    fields = {
        "hs_object_id": str(FIRST_ID + n),
        "createdate": shown,
        "lastmodifieddate": shown,
        "email": f"known{n}@crowd{n % 9973}.example",
        "lastname": ("佐藤", "鈴木", "高橋", "田中")[n % 4],
        "firstname": ("太郎", "花子", "健")[n % 3],
        "company": f"株式会社サンプル{n % 9973}",
        "jobtitle": ("部長", "課長", "係長", "担当")[n % 4],
        "hs_lead_status": "NEW",
    }
    return RawRecord("contacts", str(FIRST_ID + n), fields, stamp)
