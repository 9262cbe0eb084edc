// jsforce, unmodified, does a day's work against the Salesforce sandbox.
import assert from "node:assert/strict";
import { generateKeyPairSync, sign } from "node:crypto";
import { before, describe, test } from "node:test";
import jsforce from "jsforce";
import { numbers, refusal, salesforce, urls } from "./place.mjs";

const VERSION = "66.0";
const JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const app = (place) => ({ clientId: salesforce.clientId, clientSecret: salesforce.clientSecret, loginUrl: urls[place] });
const connection = (place, config = {}) => new jsforce.Connection({ version: VERSION, oauth2: app(place), ...config });

async function signedIn(place = "salesforce") {
  const made = connection(place);
  await made.authorize({ grant_type: "client_credentials" });
  return made;
}

const leads = (count, name) => numbers(count).map((number) => ({ LastName: `${name} ${number}`, Company: "株式会社エー" }));

describe("jsforce: signing in", () => {
  test("client credentials give the organisation, the user and where data calls go", async () => {
    const made = connection("salesforce");
    const user = await made.authorize({ grant_type: "client_credentials" });
    assert.equal(made.instanceUrl, urls.salesforce);
    assert.match(user.organizationId, /^00D\w{15}$/);
    assert.match(user.id, /^005\w{15}$/);
    made.userInfo.url = made.userInfo.url.replace("https://login.salesforce.com", urls.salesforce);
    assert.equal((await made.identity()).username, salesforce.username);
  });

  test("a signed assertion is exchanged for a token", async () => {
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const claims = { iss: salesforce.clientId, sub: salesforce.username, aud: "https://login.salesforce.com", exp: 1_775_001_780 };
    const signed = `${part({ alg: "RS256" })}.${part(claims)}`;
    const assertion = `${signed}.${sign("RSA-SHA256", Buffer.from(signed), privateKey).toString("base64url")}`;
    const made = new jsforce.Connection({ version: VERSION, oauth2: { loginUrl: urls.salesforce } });
    await made.authorize({ grant_type: JWT_BEARER, assertion });
    assert.equal((await made.query("SELECT COUNT() FROM User")).done, true);
  });

  test("an expired session is renewed once with the refresh token, and the call is made again", async () => {
    const made = connection("salesforce", { instanceUrl: urls.salesforce, accessToken: "00D!old", refreshToken: salesforce.refreshToken });
    const renewed = [];
    made.on("refresh", (token) => renewed.push(token));
    assert.equal((await made.query("SELECT Id FROM Lead LIMIT 1")).records.length, 1);
    assert.deepEqual(renewed, [made.accessToken]);
  });

  test("a session that ends in the middle of a write is renewed, and the write is made once", async () => {
    const made = connection("tired", { refreshToken: salesforce.refreshToken });
    await made.authorize({ grant_type: "client_credentials" });
    made.refreshToken = salesforce.refreshToken;
    const renewed = [];
    made.on("refresh", (token) => renewed.push(token));
    const items = await made.sobject("Lead").create(leads(3, "Renewed"));
    assert.deepEqual([items.map((item) => item.success), renewed.length], [[true, true, true], 1]);
    assert.equal((await made.query("SELECT Id FROM Lead")).totalSize, 3, "after a 503 that jsforce itself asks again");
  });

  test("user name and password work by OAuth and, in versions before 65, by SOAP", async () => {
    const byOauth = connection("salesforce");
    await byOauth.login(salesforce.username, salesforce.password);
    const bySoap = new jsforce.Connection({ version: "64.0", loginUrl: urls.salesforce, logLevel: "NONE" });
    const user = await bySoap.login(salesforce.username, `${salesforce.password}SecurityToken`);
    assert.equal(user.organizationId, byOauth.userInfo.organizationId);
    assert.equal((await bySoap.query("SELECT COUNT() FROM User")).done, true);
    const wrong = new jsforce.Connection({ version: "64.0", loginUrl: urls.salesforce, logLevel: "NONE" });
    assert.match((await refusal(wrong.login(salesforce.username, "other"))).message, /INVALID_LOGIN/);
    const late = new jsforce.Connection({ version: VERSION, loginUrl: urls.salesforce, logLevel: "NONE" });
    assert.match((await refusal(late.login(salesforce.username, salesforce.password))).message, /UNSUPPORTED_API_VERSION/);
  });

  test("a wrong secret and a wrong refresh token have OAuth's own names", async () => {
    const wrong = new jsforce.Connection({ oauth2: { ...app("salesforce"), clientSecret: "other" } });
    assert.equal((await refusal(wrong.authorize({ grant_type: "client_credentials" }))).name, "invalid_client");
    assert.equal((await refusal(connection("salesforce").oauth2.refreshToken("other"))).name, "invalid_grant");
  });

  test("a revoked session is over", async () => {
    const made = await signedIn();
    await made.logout();
    const over = new jsforce.Connection({ version: VERSION, instanceUrl: urls.salesforce, accessToken: "00D!revoked" });
    assert.equal((await refusal(over.query("SELECT Id FROM Lead LIMIT 1"))).errorCode, "INVALID_SESSION_ID");
  });
});

describe("jsforce: reading", () => {
  let org;
  before(async () => {
    org = await signedIn();
  });

  test("three pages are followed by hand, each where the last one said", async () => {
    const first = await org.query("SELECT Id FROM Contact", { autoFetch: false });
    assert.deepEqual([first.totalSize, first.done, first.records.length], [salesforce.contacts, false, 2000]);
    const second = await org.queryMore(first.nextRecordsUrl);
    const third = await org.queryMore(second.nextRecordsUrl);
    assert.deepEqual([second.records.length, third.records.length, third.done], [2000, salesforce.contacts - 4000, true]);
    const ids = [first, second, third].flatMap((page) => page.records.map((record) => record.Id));
    assert.equal(new Set(ids).size, salesforce.contacts);
  });

  test("autoFetch walks every page to its end, also where pages are short", async () => {
    const whole = await org.query("SELECT Id, LastName FROM Contact ORDER BY LastName", { autoFetch: true, maxFetch: 100_000 });
    assert.equal(new Set(whole.records.map((record) => record.Id)).size, salesforce.contacts);
    const short = await org.query("SELECT Id FROM Contact", { autoFetch: true, maxFetch: 100_000, headers: { "Sforce-Query-Options": "batchSize=700" } });
    assert.equal(short.records.length, salesforce.contacts);
  });

  test("queryAll brings what was deleted, query does not", async () => {
    const { id } = await org.sobject("Lead").create({ LastName: "Gone", Company: "C" });
    await org.sobject("Lead").destroy(id);
    const asked = `SELECT Id, IsDeleted FROM Lead WHERE Id = '${id}'`;
    assert.equal((await org.query(asked)).totalSize, 0);
    const everything = await org.query(asked, { scanAll: true });
    assert.deepEqual(everything.records.map((record) => record.IsDeleted), [true]);
  });

  test("describe tells fields, their options and the objects they point to", async () => {
    const described = await org.describe("Lead");
    const field = Object.fromEntries(described.fields.map((item) => [item.name, item]));
    assert.deepEqual([described.keyPrefix, field.OwnerId.referenceTo], ["00Q", ["Group", "User"]]);
    assert.equal(field.Status.picklistValues[0].value, "Open - Not Contacted");
    const everything = await org.describeGlobal();
    assert.ok(everything.sobjects.map((item) => item.name).includes("Task"));
  });

  test("parent fields come as records inside the record", async () => {
    const found = await org.query("SELECT Id, Owner.Name FROM Lead LIMIT 1");
    assert.equal(typeof found.records[0].Owner.Name, "string");
  });

  test("jsforce's own query builder, its dates and its escapes are understood", async () => {
    const { id } = await org.sobject("Lead").create({ LastName: "O'Brien 山田", Company: "C" });
    const found = await org
      .sobject("Lead")
      .find({ LastName: "O'Brien 山田", CreatedDate: { $lte: jsforce.SfDate.toDateTimeLiteral(new Date("2030-01-01T00:00:00Z")) } }, "Id, LastName")
      .sort({ CreatedDate: -1 })
      .limit(5)
      .execute();
    assert.deepEqual(found.map((record) => [record.Id, record.LastName]), [[id, "O'Brien 山田"]]);
  });

  test("updated and deleted name what moved in a span of time", async () => {
    const now = new Date(salesforce.now);
    const [start, end] = [new Date(now - 3_600_000), new Date(+now + 120_000)];
    const updated = await org.sobject("Contact").updated(start, end);
    assert.equal(updated.ids.length, salesforce.contacts);
    assert.ok(updated.latestDateCovered);
    assert.ok(Array.isArray((await org.sobject("Lead").deleted(start, end)).deletedRecords));
  });

  test("limits and the usage of each answer are told", async () => {
    const limits = await org.limits();
    assert.equal(limits.DailyApiRequests.Max, 100_000);
    assert.equal(org.limitInfo.apiUsage.limit, 100_000);
    assert.ok(org.limitInfo.apiUsage.used > 0);
  });
});

describe("jsforce: writing", () => {
  let org;
  before(async () => {
    org = await signedIn();
  });

  test("a record is created, read, changed and deleted", async () => {
    const made = await org.sobject("Lead").create({ LastName: "山田", Company: "株式会社エー" });
    assert.deepEqual([made.success, made.errors], [true, []]);
    await org.sobject("Lead").update({ Id: made.id, Title: "課長" });
    const read = await org.sobject("Lead").retrieve(made.id);
    assert.deepEqual([read.Name, read.Title, read.attributes.type], ["山田", "課長", "Lead"]);
    await org.sobject("Lead").destroy(made.id);
    assert.equal((await refusal(org.sobject("Lead").retrieve(made.id))).errorCode, "ENTITY_IS_DELETED");
  });

  test("450 records go out in collections of 200 and come back in their order", async () => {
    const made = await org.sobject("Lead").create(leads(450, "Many"), { allowRecursive: true });
    assert.equal(made.filter((item) => item.success).length, 450);
    const changed = made.map(({ id }, number) => ({ Id: id, City: `City ${number}` }));
    const updated = await org.sobject("Lead").update(changed, { allowRecursive: true });
    assert.deepEqual(updated.map((item) => item.id), made.map((item) => item.id));
    const found = await org.sobject("Lead").retrieve(made.slice(0, 200).map((item) => item.id));
    assert.deepEqual(found.map((record) => record.City), changed.slice(0, 200).map((record) => record.City));
    const gone = await org.sobject("Lead").destroy(made.map((item) => item.id), { allowRecursive: true });
    assert.equal(gone.filter((item) => item.success).length, 450);
  });

  test("each record of a collection has its own fate and the org's own code", async () => {
    const good = { LastName: "A", Company: "B" };
    const rows = [good, { LastName: "A" }, { ...good, OwnerId: salesforce.leaver }, { ...good, crmsync_phase__c: "nonsense" }];
    const items = await org.sobject("Lead").create(rows, { allOrNone: false });
    assert.deepEqual(items.map((item) => item.success), [true, false, false, false]);
    assert.deepEqual(items.slice(1).map((item) => item.errors[0].statusCode ?? item.errors[0].errorCode), [
      "REQUIRED_FIELD_MISSING",
      "INACTIVE_OWNER_OR_USER",
      "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
    ]);
  });

  test("all or none leaves nothing behind", async () => {
    const rows = [{ LastName: "Neither", Company: "nor" }, { LastName: "Neither" }];
    const items = await org.sobject("Lead").create(rows, { allOrNone: true });
    assert.deepEqual(items.map((item) => item.success), [false, false]);
    assert.equal((await org.query("SELECT Id FROM Lead WHERE LastName = 'Neither'")).totalSize, 0);
  });

  test("an upsert by external id makes one task, however often it is sent", async () => {
    const task = (subject) => ({ crmsync_key__c: "jsforce-1", Subject: subject });
    const first = await org.sobject("Task").upsert(task("Call"), "crmsync_key__c");
    const second = await org.sobject("Task").upsert(task("Call again"), "crmsync_key__c");
    assert.deepEqual([first.created, second.created, second.id], [true, false, first.id]);
    const many = ["jsforce-1", "jsforce-2"].map((key) => ({ crmsync_key__c: key, Subject: "All" }));
    const items = await org.sobject("Task").upsert(many, "crmsync_key__c");
    assert.deepEqual(items.map((item) => [item.success, item.created]), [[true, false], [true, true]]);
  });

  test("an upsert by a value that several records have picks none of them", async () => {
    await org.sobject("Contact").create(["A", "B"].map((name) => ({ LastName: name, Email: "same@company.example" })));
    const error = await refusal(org.sobject("Contact").upsert({ Email: "same@company.example", LastName: "C" }, "Email"));
    assert.equal(error.name, "MULTIPLE_CHOICES");
    assert.equal(error.data.length, 2);
  });

  test("a composite call carries references and reports each step", async () => {
    const answer = await org.requestPost(`/services/data/v${VERSION}/composite`, {
      allOrNone: true,
      compositeRequest: [
        { method: "POST", url: `/services/data/v${VERSION}/sobjects/Lead`, referenceId: "lead", body: { LastName: "C", Company: "D" } },
        {
          method: "POST",
          url: `/services/data/v${VERSION}/sobjects/Task`,
          referenceId: "task",
          body: { Subject: "Call", WhoId: "@{lead.id}", crmsync_key__c: "jsforce-composite" },
        },
      ],
    });
    assert.deepEqual(answer.compositeResponse.map((step) => [step.referenceId, step.httpStatusCode]), [["lead", 201], ["task", 201]]);
  });
});

describe("jsforce: Bulk 2.0", () => {
  let org;
  before(async () => {
    org = await signedIn();
    org.bulk2.pollInterval = 20;
  });

  test("a query streams every row, texts with newlines and quotes whole", async () => {
    await org.sobject("Lead").create({ LastName: 'two\nlines, "quoted"', Company: "Bulk Ltd" });
    const stream = await org.bulk2.query("SELECT Id, LastName, Email, IsConverted, SystemModstamp FROM Lead WHERE Company = 'Bulk Ltd'");
    const [row] = await stream.toArray();
    assert.deepEqual([row.LastName, row.Email, row.IsConverted], ['two\nlines, "quoted"', "", "false"]);
    assert.match(row.SystemModstamp, /\.000Z$/);
    const everyone = await (await org.bulk2.query("SELECT Id FROM Contact")).toArray();
    assert.equal(new Set(everyone.map((record) => record.Id)).size, everyone.length);
    assert.ok(everyone.length >= salesforce.contacts);
  });

  test("an ingest job tells which rows went in and why others did not", async () => {
    const input = [...leads(3, "Bulk"), { LastName: "Bulk 3", Company: "" }];
    const results = await org.bulk2.loadAndWaitForResults({ object: "Lead", operation: "insert", lineEnding: "LF", input });
    assert.deepEqual([results.successfulResults.length, results.failedResults.length, results.unprocessedRecords.length], [3, 1, 0]);
    assert.deepEqual(results.successfulResults.map((row) => row.sf__Created), ["true", "true", "true"]);
    assert.match(results.failedResults[0].sf__Error, /^REQUIRED_FIELD_MISSING:Required fields are missing: \[Company\]:Company --/);
    const upserted = await org.bulk2.loadAndWaitForResults({
      object: "Lead",
      operation: "upsert",
      externalIdFieldName: "crmsync_hubspot_id__c",
      input: [{ crmsync_hubspot_id__c: "js-1", LastName: "A", Company: "B" }],
    });
    assert.equal(upserted.successfulResults.length, 1);
  });

  test("a job is aborted and deleted", async () => {
    const job = org.bulk2.createJob({ object: "Lead", operation: "insert" });
    await job.open();
    await job.abort();
    assert.equal((await job.check()).state, "Aborted");
    await job.delete();
    assert.equal((await refusal(job.check())).errorCode, "NOT_FOUND");
  });

  test("an object that Bulk does not take is refused by name", async () => {
    const error = await refusal(org.bulk2.query("SELECT Id FROM TaskStatus"));
    assert.match(`${error.errorCode ?? error.name} ${error.message}`, /INVALIDENTITY|not supported by the Bulk API/);
  });
});

describe("jsforce: refusals", () => {
  let org;
  before(async () => {
    org = await signedIn();
  });

  for (const [words, code, work] of [
    ["a query that cannot be read", "MALFORMED_QUERY", () => org.query("SELECT Id FORM Lead")],
    ["a field that is not there", "INVALID_FIELD", () => org.query("SELECT Nothing__c FROM Lead")],
    ["an object that is not there", "INVALID_TYPE", () => org.query("SELECT Id FROM Nothing__c")],
    ["a describe of nothing", "NOT_FOUND", () => org.describe("Nothing__c")],
    ["a record that is not there", "NOT_FOUND", () => org.sobject("Lead").retrieve("00Q000000000000AAA")],
    ["a required field that is missing", "REQUIRED_FIELD_MISSING", () => org.sobject("Lead").create({ LastName: "A" })],
    ["a locator that died", "INVALID_QUERY_LOCATOR", () => org.queryMore(`/services/data/v${VERSION}/query/0r8000000000000AAA-2000`)],
    ["an external id that is none", "NOT_FOUND", () => org.sobject("Task").upsert({ No_Key__c: "1" }, "No_Key__c")],
  ]) {
    test(`${words}: ${code}`, async () => {
      const error = await refusal(work());
      assert.equal(error.errorCode, code);
      assert.ok(error.message.length > 0);
    });
  }

  test("a used-up day has Salesforce's code", async () => {
    const made = connection("tired", { instanceUrl: urls.tired });
    await made.authorize({ grant_type: "client_credentials" });
    assert.equal((await refusal(made.limits())).errorCode, "REQUEST_LIMIT_EXCEEDED");
  });

  test("a version that is retired is gone", async () => {
    const old = new jsforce.Connection({ version: "28.0", instanceUrl: urls.salesforce, accessToken: org.accessToken });
    assert.match((await refusal(old.query("SELECT Id FROM Lead"))).errorCode, /GONE|UNSUPPORTED_API_VERSION/);
  });
});
