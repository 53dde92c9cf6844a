import assert from "node:assert/strict";
import { test } from "node:test";
import { cureOf, delayOf, hintOf } from "../src/course.ts";
import { defaults } from "../src/options.ts";
import { expiryOf, renewalDelay } from "../src/token.ts";

test("the wait is anything from half a second to twenty, and longer with each attempt", () => {
  assert.equal(delayOf(0, defaults, 0), 500);
  assert.equal(delayOf(0, defaults, 1), 1000);
  assert.equal(delayOf(3, defaults, 0.5), 2500);
  assert.equal(delayOf(30, defaults, 0), 500);
  assert.equal(delayOf(30, defaults, 1), 20_000);
  assert.equal(delayOf(5000, defaults, 1), 20_000);
  const drawn = Array.from({ length: 1000 }, () => delayOf(10, defaults));
  assert.ok(Math.max(...drawn) - Math.min(...drawn) > 10_000, "the waits are spread");
});

test("a hint is a number of milliseconds, of an hour at most", () => {
  for (const [reason, want] of [
    ['{"retry_after_ms":1500}', 1500],
    ['{"retry_after_ms":1e12}', 3_600_000],
    ['{"retry_after_ms":-1}', 0],
    ['{"retry_after_ms":"x"}', 0],
    ['{"reason":"banned"}', 0],
    ["null", 0],
    ["", 0],
  ] as const) {
    assert.equal(hintOf(reason), want, reason);
  }
});

test("1008 is the end only without a hint", () => {
  assert.equal(cureOf(1008, 1500), undefined);
  assert.equal(typeof cureOf(1008, 0), "string");
  assert.equal(cureOf(1006, 0), undefined);
});

test("a token's end is read from a JWT, and is unknown for all others", () => {
  const jwt = (claims: object): string => `e30.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.sig`;
  assert.equal(expiryOf(jwt({ exp: 1764150000, name: "ÿÿÿ~~~???" })), 1764150000);
  for (const token of [jwt({}), jwt({ exp: "soon" }), "", "opaque", "a.b.c", "a.!!.c"]) {
    assert.equal(expiryOf(token), 0, token);
  }
});

test("a token is renewed after three quarters of what is left, and not in the past or after what a timer knows", () => {
  assert.equal(renewalDelay(0), 1000);
  assert.equal(renewalDelay(1e15), 1e9);
  const delay = renewalDelay(Date.now() / 1000 + 400_000);
  assert.ok(delay > 299_000_000 && delay <= 300_000_000, `${delay}`);
});
