// @hubspot/api-client, unmodified, does a day's work against the HubSpot sandbox.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Client } from "@hubspot/api-client";
import { hubspot, numbers, refusal, urls } from "./place.mjs";

const client = new Client({ accessToken: hubspot.token, basePath: urls.hubspot });
const anonymous = new Client({ basePath: urls.hubspot });
const contacts = client.crm.contacts;
const found = (page) => page.results.map((row) => row.id);
const where = (propertyName, operator, value) => ({ filterGroups: [{ filters: [{ propertyName, operator, value }] }] });
const asked = { sorts: [], properties: ["email"], limit: 100, after: "0" };

async function made(name, properties = {}) {
  return contacts.basicApi.create({ properties: { email: `${name}@company.example`, ...properties }, associations: [] });
}

describe("@hubspot/api-client: signing in", () => {
  test("a refresh token gives an access token for half an hour, and keeps being the same", async () => {
    const { clientId, clientSecret, refreshToken } = hubspot;
    const tokens = await anonymous.oauth.tokensApi.create("refresh_token", undefined, undefined, clientId, clientSecret, refreshToken);
    assert.deepEqual([tokens.tokenType, tokens.expiresIn, tokens.refreshToken], ["bearer", 1800, refreshToken]);
    const renewed = new Client({ accessToken: tokens.accessToken, basePath: urls.hubspot });
    assert.equal((await renewed.crm.contacts.basicApi.getPage(1)).results.length, 1);
    const known = await anonymous.oauth.accessTokensApi.get(tokens.accessToken);
    assert.ok(known.scopes.includes("crm.objects.contacts.read"));
  });

  test("a wrong refresh token is a 400 with OAuth's own key", async () => {
    const { clientId, clientSecret } = hubspot;
    const error = await refusal(anonymous.oauth.tokensApi.create("refresh_token", undefined, undefined, clientId, clientSecret, "other"));
    assert.deepEqual([error.code, error.body.error ?? error.body.status], [400, "invalid_grant"]);
  });

  test("no token and a wrong token are told apart", async () => {
    const none = await refusal(anonymous.crm.contacts.basicApi.getPage());
    assert.deepEqual([none.code, none.body.category], [401, "INVALID_AUTHENTICATION"]);
    const wrong = new Client({ accessToken: "other", basePath: urls.hubspot });
    const refused = await refusal(wrong.crm.contacts.basicApi.getPage());
    assert.deepEqual([refused.code, refused.body.category], [401, "EXPIRED_AUTHENTICATION"]);
  });

  test("a token that ran out is named so", async () => {
    const tired = new Client({ accessToken: hubspot.token, basePath: urls.tiredHubspot });
    const error = await refusal(tired.crm.properties.coreApi.getAll("contacts"));
    assert.deepEqual([error.code, error.body.category], [401, "EXPIRED_AUTHENTICATION"]);
  });
});

describe("@hubspot/api-client: reading", () => {
  test("three pages are followed by hand, each where the last one said", async () => {
    const seen = [];
    let after;
    let pages = 0;
    do {
      const page = await contacts.basicApi.getPage(100, after, ["email", "firstname"]);
      seen.push(...found(page));
      after = page.paging?.next?.after;
      pages += 1;
    } while (after !== undefined);
    assert.ok(pages >= 3);
    assert.equal(new Set(seen).size, seen.length);
    assert.ok(seen.length >= hubspot.people);
  });

  test("getAll walks every page to its end", async () => {
    const everyone = await contacts.getAll(50, undefined, ["email"]);
    assert.ok(new Set(everyone.map((row) => row.id)).size >= hubspot.people);
    assert.ok(everyone[0].createdAt instanceof Date);
  });

  test("a search goes on by offset over more than two pages, and by id past any end", async () => {
    const request = { ...where("email", "CONTAINS_TOKEN", "*company.example"), ...asked, sorts: ["hs_object_id"] };
    const first = await contacts.searchApi.doSearch(request);
    const second = await contacts.searchApi.doSearch({ ...request, after: first.paging.next.after });
    const third = await contacts.searchApi.doSearch({ ...request, after: second.paging.next.after });
    const seen = [first, second, third].flatMap(found);
    assert.equal(new Set(seen).size, seen.length);
    assert.ok(seen.length >= hubspot.people);
    const beyond = { filterGroups: [{ filters: [{ propertyName: "hs_object_id", operator: "GT", value: seen[199] }] }] };
    assert.deepEqual(found(await contacts.searchApi.doSearch({ ...request, ...beyond, limit: 3 })), seen.slice(200, 203));
  });

  test("a batch read finds by e-mail, and names what is not there in a 207", async () => {
    const inputs = [{ id: "P5@company.example" }, { id: "p6@company.example" }];
    const byEmail = await contacts.batchApi.read({ inputs, idProperty: "email", properties: ["email"], propertiesWithHistory: [] });
    assert.deepEqual(byEmail.results.map((row) => row.properties.email).sort(), ["p5@company.example", "p6@company.example"]);
    const [known] = found(byEmail);
    const mixed = await contacts.batchApi.readWithHttpInfo({ inputs: [{ id: known }, { id: "999999" }], properties: [], propertiesWithHistory: [] });
    assert.equal(mixed.httpStatusCode, 207);
    assert.deepEqual([mixed.data.numErrors, mixed.data.errors[0].context.ids], [1, ["999999"]]);
  });

  test("a record tells its properties with their history, and archived ones apart", async () => {
    const { id } = await made("history", { city: "Kobe" });
    await contacts.basicApi.update(id, { properties: { city: "Nara" } });
    const row = await contacts.basicApi.getById("history@company.example", ["city"], ["city"], undefined, false, "email");
    assert.deepEqual(row.propertiesWithHistory.city.map((one) => one.value), ["Nara", "Kobe"]);
    await contacts.basicApi.archive(id);
    assert.equal((await refusal(contacts.basicApi.getById(id))).code, 404);
    assert.deepEqual(found(await contacts.basicApi.getPage(10, undefined, undefined, undefined, undefined, true)).includes(id), true);
  });

  test("owners come active and archived, and as queues", async () => {
    const owners = await client.crm.owners.ownersApi.getPage(undefined, undefined, 100, false);
    assert.deepEqual(owners.results.map((owner) => owner.type), ["PERSON", "QUEUE"]);
    const gone = await client.crm.owners.ownersApi.getPage(undefined, undefined, 100, true);
    assert.deepEqual(gone.results.map((owner) => [owner.email, owner.archived]), [["b@company.example", true]]);
    assert.equal((await client.crm.owners.ownersApi.getById(Number(owners.results[0].id))).email, "a@company.example");
  });

  test("pipelines carry their stages and probabilities", async () => {
    const { results } = await client.crm.pipelines.pipelinesApi.getAll("deals");
    const ends = Object.fromEntries(results[0].stages.map((stage) => [stage.id, stage.metadata.probability]));
    assert.deepEqual([ends.closedwon, ends.closedlost], ["1.0", "0.0"]);
    const { results: stages } = await client.crm.pipelines.pipelineStagesApi.getAll("deals", results[0].id);
    assert.equal(stages.length, results[0].stages.length);
  });
});

describe("@hubspot/api-client: writing", () => {
  test("a contact is made, changed, merged into another and erased", async () => {
    const [first, second] = [await made("one"), await made("Two")];
    assert.equal(second.properties.email, "two@company.example");
    const merged = await contacts.basicApi.merge({ primaryObjectId: first.id, objectIdToMerge: second.id });
    assert.notEqual(merged.id, first.id);
    assert.equal((await contacts.basicApi.getById(second.id)).id, merged.id);
    await contacts.basicApi.purge({ objectId: merged.id });
    assert.equal((await refusal(contacts.basicApi.getById(merged.id))).code, 404);
  });

  test("a batch of 100 is created, changed and archived; 101 are refused", async () => {
    const rows = numbers(100).map((number) => ({ properties: { email: `batch${number}@company.example` }, associations: [] }));
    const created = await contacts.batchApi.createWithHttpInfo({ inputs: rows });
    assert.deepEqual([created.httpStatusCode, created.data.results.length], [201, 100]);
    const ids = found(created.data);
    const changed = await contacts.batchApi.update({ inputs: ids.map((id) => ({ id, properties: { city: "Nara" } })) });
    assert.deepEqual(new Set(changed.results.map((row) => row.properties.city)), new Set(["Nara"]));
    await contacts.batchApi.archive({ inputs: ids.map((id) => ({ id })) });
    assert.equal((await contacts.batchApi.read({ inputs: [{ id: ids[0] }], properties: [], propertiesWithHistory: [] })).results.length, 0);
    const over = numbers(101).map((number) => ({ properties: { email: `over${number}@company.example` }, associations: [] }));
    assert.equal((await refusal(contacts.batchApi.create({ inputs: over }))).code, 400);
  });

  test("a batch is all or nothing, unless every row has a trace id", async () => {
    const { id } = await made("trace");
    const rows = [
      { id, properties: { city: "Kobe" } },
      { id: "999999", properties: { city: "Nara" } },
    ];
    assert.equal((await refusal(contacts.batchApi.update({ inputs: rows }))).code, 400);
    assert.equal((await contacts.basicApi.getById(id, ["city"])).properties.city, null);
    const traced = rows.map((row, number) => ({ ...row, objectWriteTraceId: `t${number}` }));
    const answer = await contacts.batchApi.updateWithHttpInfo({ inputs: traced });
    assert.deepEqual([answer.httpStatusCode, found(answer.data)], [207, [id]]);
    assert.deepEqual(answer.data.errors.map((error) => error.context.objectWriteTraceId), [["t1"]]);
  });

  test("an upsert by a unique property says what is new", async () => {
    const rows = (...keys) => ({
      inputs: keys.map((key) => ({ id: key, idProperty: "crmsync_key", properties: { hs_timestamp: "2026-05-01", hs_task_subject: key } })),
    });
    const api = client.crm.objects.batchApi;
    await api.upsert("tasks", rows("node-1"));
    const { results } = await api.upsert("tasks", rows("node-1", "node-2"));
    assert.deepEqual(results.map((row) => [row.properties.hs_task_subject ?? row.properties.crmsync_key, row._new]).sort(), [
      ["node-1", false],
      ["node-2", true],
    ]);
  });

  test("an upsert by e-mail changes the one and makes the other, all or nothing", async () => {
    const rows = (city, ...names) => ({
      inputs: names.map((name) => ({ id: `${name}@company.example`, idProperty: "email", properties: { city } })),
    });
    const [first] = found(await contacts.batchApi.upsert(rows("Kobe", "upsert1")));
    const { results } = await contacts.batchApi.upsert(rows("Nara", "upsert1", "upsert2"));
    assert.deepEqual(results.map((row) => [row._new, row.id === first, row.properties.city]).sort(), [
      [false, true, "Nara"],
      [true, false, "Nara"],
    ]);
    const { id } = results.find((row) => row._new);
    assert.equal((await contacts.basicApi.getById(id, ["email"])).properties.email, "upsert2@company.example");
    const byNoKey = { inputs: [{ id: "Kobe", idProperty: "city", properties: { city: "Nara" } }] };
    assert.equal((await refusal(contacts.batchApi.upsert(byNoKey))).code, 400);
  });

  test("associations of version 4 come page by page with their types, and are made and unmade", async () => {
    const api = client.crm.associations.v4;
    const { results } = await contacts.searchApi.doSearch({ ...where("email", "EQ", "p0@company.example"), ...asked });
    const [contact] = found({ results });
    const read = (after) => api.batchApi.getPage("contacts", "companies", { inputs: [{ id: contact, after }] });
    const [first] = (await read()).results;
    const [rest] = (await read(first.paging.next.after)).results;
    assert.deepEqual([first.to.length, rest.to.length, rest.paging], [2, 1, undefined]);
    assert.deepEqual(first.to[0].associationTypes.map((kind) => kind.typeId).sort((a, b) => a - b), [1, 279]);
    const company = await client.crm.companies.basicApi.create({ properties: { name: "Late" }, associations: [] });
    const pair = { _from: { id: contact }, to: { id: company.id } };
    await api.batchApi.createDefault("contacts", "companies", { inputs: [{ from: pair._from, ...pair }] });
    const page = await api.basicApi.getPage("contacts", contact, "companies");
    assert.ok(page.results.some((row) => String(row.toObjectId) === company.id));
    await api.basicApi.archive("contacts", contact, "companies", company.id);
    const after = await api.basicApi.getPage("contacts", contact, "companies");
    assert.ok(!after.results.some((row) => String(row.toObjectId) === company.id));
  });

  test("a property and its group are made, changed and archived", async () => {
    const { coreApi, groupsApi } = client.crm.properties;
    await groupsApi.create("contacts", { name: "node_group", label: "Node", displayOrder: 1 });
    const options = ["Hot", "Cold"].map((label, displayOrder) => ({ label, value: label.toLowerCase(), displayOrder, hidden: false }));
    const wanted = { name: "node_mood", label: "Mood", type: "enumeration", fieldType: "select", groupName: "node_group", options };
    const property = await coreApi.create("contacts", wanted);
    assert.deepEqual(property.options.map((option) => option.value), ["hot", "cold"]);
    const clash = await refusal(coreApi.create("contacts", wanted));
    assert.deepEqual([clash.code, clash.body.category], [409, "OBJECT_ALREADY_EXISTS"]);
    const changed = await coreApi.update("contacts", "node_mood", { options: options.slice(0, 1) });
    assert.deepEqual(changed.options.map((option) => option.value), ["hot"]);
    await coreApi.archive("contacts", "node_mood");
    assert.equal((await refusal(coreApi.getByName("contacts", "node_mood"))).code, 404);
  });

  test("a list takes members and gives them back", async () => {
    const { listsApi, membershipsApi } = client.crm.lists;
    const { list } = await listsApi.create({ name: "Nurture", objectTypeId: "0-1", processingType: "MANUAL" });
    const { id } = await made("member");
    const added = await membershipsApi.add(list.listId, [id]);
    assert.deepEqual((added.recordsIdsAdded ?? added.recordIdsAdded).map(String), [id]);
    const members = await membershipsApi.getPage(list.listId, undefined, undefined, 100);
    assert.deepEqual(members.results.map((row) => String(row.recordId)), [id]);
    await membershipsApi.remove(list.listId, [id]);
    assert.equal((await membershipsApi.getPage(list.listId)).results.length, 0);
  });

  test("a stage set backwards is answered with 200 and not moved, until it is cleared", async () => {
    const { id } = await made("stage", { lifecyclestage: "customer" });
    const set = async (lifecyclestage) => (await contacts.basicApi.update(id, { properties: { lifecyclestage } })).id;
    const stage = async () => (await contacts.basicApi.getById(id, ["lifecyclestage"])).properties.lifecyclestage;
    await set("lead");
    assert.equal(await stage(), "customer");
    await set("");
    await set("lead");
    assert.equal(await stage(), "lead");
  });
});

describe("@hubspot/api-client: refusals", () => {
  for (const [words, code, category, work] of [
    ["a contact that is not there", 404, "OBJECT_NOT_FOUND", () => contacts.basicApi.getById("999999")],
    ["an e-mail that somebody has", 409, "CONFLICT", () => made("p1")],
    ["a property that is not there", 400, "VALIDATION_ERROR", () => made("unknown", { no_such_property: "1" })],
    ["an option that is not there", 400, "VALIDATION_ERROR", () => made("option", { lifecyclestage: "nonsense" })],
    ["a search beyond what it reaches", 400, "VALIDATION_ERROR", () => contacts.searchApi.doSearch({ ...where("email", "HAS_PROPERTY"), ...asked, after: "10000" })],
  ]) {
    test(`${words}: ${code} ${category}`, async () => {
      const error = await refusal(work());
      assert.deepEqual([error.code, error.body.category, error.body.status], [code, category, "error"]);
      assert.ok(error.body.correlationId);
      assert.ok(error.headers["content-type"].startsWith("application/json"));
    });
  }

  test("the id of the one who has an e-mail stands in the refusal's words", async () => {
    const { id } = await made("taken");
    assert.match((await refusal(made("taken"))).body.message, new RegExp(`Existing ID: ${id}`));
  });
});

describe("@hubspot/api-client: limits", () => {
  test("the limit of ten seconds and that of the day have their names", async () => {
    const tired = new Client({ accessToken: hubspot.token, basePath: urls.tiredHubspot });
    const burst = await refusal(tired.crm.owners.ownersApi.getPage());
    assert.deepEqual([burst.code, burst.body.policyName, burst.body.errorType], [429, "TEN_SECONDLY_ROLLING", "RATE_LIMIT"]);
    const day = await refusal(tired.crm.pipelines.pipelinesApi.getAll("deals"));
    assert.deepEqual([day.code, day.body.policyName], [429, "DAILY"]);
  });

  test("every answer but a search's tells what is left", async () => {
    const { headers } = await contacts.basicApi.getPageWithHttpInfo(1);
    assert.equal(headers["x-hubspot-ratelimit-max"], "100");
    assert.ok(Number(headers["x-hubspot-ratelimit-remaining"]) < 100);
    assert.ok(Number(headers["x-hubspot-ratelimit-daily-remaining"]) < 250_000);
    const search = await contacts.searchApi.doSearchWithHttpInfo({ ...where("email", "HAS_PROPERTY"), ...asked });
    assert.equal(search.headers["x-hubspot-ratelimit-max"], undefined);
  });
});
