// What script/clients.py tells the checks: where the places are and what opens them. No clock, no chance, no network but theirs.
import assert from "node:assert/strict";

const told = JSON.parse(process.env.CRMSYNC_PLACES ?? "null");
if (told === null) throw new Error("start these checks with script/clients.py: it serves the places that they visit");

export const { urls, salesforce, hubspot } = told;

/** Expect a refusal and give it, so that a check can look at what the client made of it. */
export async function refusal(work) {
  try {
    await work;
  } catch (error) {
    return error;
  }
  return assert.fail("it was not refused");
}

export const numbers = (count) => Array.from({ length: count }, (_, number) => number);
