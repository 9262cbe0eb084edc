// The client's own patience: in a file of its own, because its retries and limiters are settings of the whole process.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Client, DEFAULT_LIMITER_OPTIONS } from "@hubspot/api-client";
import { hubspot, numbers, urls } from "./place.mjs";

const asked = { filterGroups: [], sorts: [], properties: ["email"], limit: 100, after: "0" };

describe("@hubspot/api-client: its own retries", () => {
  const patient = new Client({ accessToken: hubspot.token, basePath: urls.tiredHubspot, numberOfApiCallRetries: 3 });
  const { contacts } = patient.crm;

  test("a search over the limit of the second is tried again after a second", async () => {
    assert.equal((await contacts.searchApi.doSearch(asked)).results.length, 100);
  });

  test("a proxy's page of 502 is tried again, and is no crash", async () => {
    assert.equal((await contacts.basicApi.getPage(5)).results.length, 5);
  });

  test("at the pace that the client is told to keep nothing is refused", async () => {
    const paced = new Client({ accessToken: hubspot.token, basePath: urls.strictHubspot, limiterOptions: { ...DEFAULT_LIMITER_OPTIONS, minTime: 210 } });
    const { searchApi } = paced.crm.contacts;
    const pages = await Promise.all(numbers(8).map(() => searchApi.doSearch(asked)));
    assert.deepEqual(new Set(pages.map((page) => page.results.length)), new Set([100]));
  });
});
