import assert from "node:assert/strict";
import { test } from "node:test";
import { tracking } from "../src/positions.ts";
import type { Answer, Gap, Positions } from "../src/positions.ts";

/** A sequence of numbers below n that is the same for the same seed. */
function randomOf(seed: number): (n: number) => number {
  let state = seed;
  return (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
}

/** The stream of type t on a hub that keeps its last events: the topic of an event by its offset, from 1 on. */
class Stream {
  epoch = "e1";
  topics: string[] = [];

  constructor(readonly kept: number) {}

  get top(): number {
    return this.topics.length;
  }

  get first(): number {
    return Math.max(1, this.top - this.kept + 1);
  }

  /** Answers a subscription. */
  answer(since: { epoch: string; offset: number } | undefined): Answer {
    const at = { epoch: this.epoch, offset: this.top };
    if (!since || since.epoch !== this.epoch || since.offset > this.top) {
      return { ...at, result: "fresh", missed: 0 };
    }
    const missed = Math.max(0, this.first - since.offset - 1);
    return { ...at, result: missed ? "gap" : "resumed", missed };
  }
}

/** One random run: a client of three topics whose connections break everywhere, over a hub that forgets and is started anew. */
function run(seed: number): void {
  const random = randomOf(seed);
  const stream = new Stream(5 + random(40));
  const all = ["t", "t:a", "t:b"];
  const topics = all.filter(() => random(4) > 0);
  const heard = new Map<string, string[]>(topics.map((topic) => [topic, []]));
  const gaps: Gap[] = [];
  const began = new Map<string, number>();
  const tracker = tracking({}, (gap) => gaps.push(gap));
  const hear = (offset: number): void => {
    const id = stream.topics[offset - 1]!;
    for (const topic of ["t", id]) {
      if (tracker._passed(topic, offset)) {
        heard.get(topic)?.push(`${stream.epoch}:${offset}`);
      }
    }
  };
  const publish = (): void => {
    stream.topics.push(all[1 + random(2)]!);
  };

  for (let connection = 0; connection < 12; connection++) {
    for (let n = random(30); n > 0; n--) {
      publish();
    }
    if (random(8) === 0) {
      stream.epoch = `e${connection + 2}`;
      stream.topics = [];
    }
    const since: Positions = tracker._list(topics);
    const asked = [...topics];
    const last = new Map<string, number>();
    let next = stream.top + 1;
    for (let steps = random(80); steps > 0; steps--) {
      const kind = random(6);
      if (asked.length > 0 && kind < 2) {
        const topic = asked.splice(random(asked.length), 1)[0]!;
        const answer = stream.answer(since[topic]);
        tracker._answered(topic, answer);
        last.forEach((offset, other) => last.set(other, Math.max(offset, next - 1)));
        last.set(topic, answer.result === "fresh" ? stream.top : Math.max(since[topic]!.offset, stream.first - 1));
        next = Math.min(next, last.get(topic)! + 1);
        if (answer.result === "fresh") {
          began.set(topic, stream.top);
        }
      } else if (next > stream.top || kind === 2) {
        publish();
      } else if (next < stream.first && last.size > 0) {
        const topic = last.size === 1 ? [...last.keys()][0]! : "t";
        tracker._gapped({ topic, epoch: stream.epoch, from: next, to: stream.first - 1, missed: stream.first - next, reason: "trimmed" });
        next = stream.first;
      } else {
        if (["t", stream.topics[next - 1]!].some((topic) => last.has(topic) && next > last.get(topic)!)) {
          hear(next);
        }
        next++;
      }
    }
    tracker._closed();
  }

  const positions = tracker._list(topics);
  for (const topic of topics) {
    const got = heard.get(topic)!;
    assert.equal(new Set(got).size, got.length, `seed ${seed}: ${topic} heard an event twice: ${got}`);
    const { epoch, offset: until } = positions[topic] ?? { epoch: "", offset: 0 };
    const isGone = (offset: number): boolean =>
      gaps.some((gap) => gap.epoch === epoch && [topic, "t"].includes(gap.topic) && gap.from! <= offset && offset < gap.from! + gap.missed!);
    for (let offset = began.get(topic)! + 1; epoch === stream.epoch && offset <= until; offset++) {
      if ((topic === "t" || stream.topics[offset - 1] === topic) && !got.includes(`${epoch}:${offset}`)) {
        assert.ok(isGone(offset), `seed ${seed}: ${topic} neither heard ${epoch}:${offset} nor was told that it is gone: ${JSON.stringify(gaps)}`);
      }
    }
  }
}

test("whatever breaks, no event is heard twice, and none is missing without a gap", () => {
  for (let seed = 1; seed <= 1000; seed++) {
    run(seed);
  }
});

test("a quiet topic moves with its stream, and not before its replay is over", () => {
  const tracker = tracking({}, () => assert.fail("there is no gap"));
  const at = (topic: string): number => tracker._of(topic)!.offset;
  tracker._answered("t:quiet", { epoch: "e", offset: 10, result: "fresh", missed: 0 });
  tracker._answered("t:loud", { epoch: "e", offset: 10, result: "fresh", missed: 0 });
  assert.deepEqual([tracker._passed("t:loud", 11), at("t:loud"), at("t:quiet")], [true, 11, 11]);
  tracker._closed();
  tracker._answered("t:quiet", { epoch: "e", offset: 20, result: "resumed", missed: 0 });
  tracker._answered("t:loud", { epoch: "e", offset: 20, result: "resumed", missed: 0 });
  assert.deepEqual([tracker._passed("t:loud", 15), at("t:loud"), at("t:quiet")], [true, 15, 11]);
  assert.deepEqual([tracker._passed("t:loud", 20), at("t:loud"), at("t:quiet")], [true, 20, 11]);
  assert.deepEqual([tracker._passed("t:loud", 21), at("t:loud"), at("t:quiet")], [true, 21, 21]);
});

test("an event of a subscription that has yet to be answered neither moves it nor is heard", () => {
  const tracker = tracking({ "t:a": { epoch: "e", offset: 3 } }, () => assert.fail("there is no gap"));
  tracker._answered("t", { epoch: "e", offset: 9, result: "fresh", missed: 0 });
  assert.deepEqual([tracker._passed("t", 10), tracker._passed("t:a", 10), tracker._of("t:a")!.offset], [true, false, 3]);
  tracker._answered("t:a", { epoch: "e", offset: 10, result: "resumed", missed: 0 });
  const heard = [4, 10, 11].map((offset) => [tracker._passed("t", offset), tracker._passed("t:a", offset)]);
  assert.deepEqual(heard, [
    [false, true],
    [false, true],
    [true, true],
  ]);
});

test("what the ack says of a position is a gap unless all of it follows", () => {
  const gaps: Gap[] = [];
  const since = { epoch: "e", offset: 5 };
  const tracker = tracking({ a: since, b: since, c: since, d: since, "d:1": since }, (gap) => gaps.push(gap));
  tracker._answered("a", { epoch: "e", offset: 9, result: "resumed", missed: 0 });
  tracker._answered("b", { epoch: "e", offset: 99, result: "gap", missed: 14 });
  tracker._answered("c", { epoch: "f", offset: 2, result: "fresh", missed: 0 });
  tracker._answered("d", undefined);
  tracker._answered("x", { epoch: "e", offset: 9, result: "fresh", missed: 0 });
  tracker._answered("y", undefined);
  assert.deepEqual(gaps, [
    { topic: "b", epoch: "e", from: 6, missed: 14, reason: "trimmed" },
    { topic: "c", epoch: "e", from: 6, missed: null, reason: "fresh" },
    { topic: "d", epoch: "e", from: 6, missed: null, reason: "fresh" },
  ]);
  assert.deepEqual(tracker._list(), {
    a: since,
    b: since,
    c: { epoch: "f", offset: 2 },
    "d:1": since,
    x: { epoch: "e", offset: 9 },
  });
});

test("what a slow client gets of the newest events is heard, though the gap ahead of it reaches further", () => {
  const gaps: Gap[] = [];
  const tracker = tracking({}, (gap) => gaps.push(gap));
  for (const topic of ["t", "t:a"]) {
    tracker._answered(topic, { epoch: "e", offset: 5, result: "fresh", missed: 0 });
  }
  const gap: Gap = { topic: "t", epoch: "e", from: 6, to: 9, missed: 3, reason: "slow" };
  tracker._gapped(gap);
  assert.deepEqual(gaps, [gap]);
  assert.deepEqual(
    [7, 10].map((offset) => [tracker._passed("t", offset), tracker._passed("t:a", offset), tracker._of("t")!.offset]),
    [
      [true, true, 7],
      [true, true, 10],
    ],
  );
});

test("a gap of another epoch moves the topics of its type behind it, where events with smaller offsets are new", () => {
  const gaps: Gap[] = [];
  const tracker = tracking({ "t:late": { epoch: "e", offset: 40 } }, (gap) => gaps.push(gap));
  for (const topic of ["t", "t:a", "other"]) {
    tracker._answered(topic, { epoch: "e", offset: 50, result: "fresh", missed: 0 });
  }
  assert.ok(tracker._passed("t", 51));
  const gap: Gap = { topic: "t", epoch: "f", from: 1, to: 2, missed: null, reason: "broker" };
  tracker._gapped(gap);
  assert.deepEqual(gaps, [gap]);
  const behind = { epoch: "f", offset: 2 };
  assert.deepEqual([tracker._of("t"), tracker._of("t:a"), tracker._of("other")], [behind, behind, { epoch: "e", offset: 50 }]);
  assert.deepEqual([tracker._passed("t", 3), tracker._of("t"), tracker._of("t:a")], [true, { epoch: "f", offset: 3 }, { epoch: "f", offset: 3 }]);
  assert.equal(tracker._passed("t", 3), false);
  assert.equal(tracker._passed("t:late", 4), false);
});

test("a gap of another epoch does not move a topic that is not in force, whose ack tells what it has missed", () => {
  const gaps: Gap[] = [];
  const since = { epoch: "e", offset: 42 };
  const tracker = tracking({ "t:a": since, "t:b": since }, (gap) => gaps.push(gap));
  tracker._answered("t:b", { epoch: "e", offset: 42, result: "resumed", missed: 0 });
  const gap: Gap = { topic: "t:b", epoch: "f", from: 1, to: 0, missed: null, reason: "broker" };
  tracker._gapped(gap);
  assert.deepEqual(tracker._list(), { "t:a": since, "t:b": { epoch: "f", offset: 0 } });
  assert.ok(tracker._passed("t:b", 3));
  assert.deepEqual(tracker._list(), { "t:a": since, "t:b": { epoch: "f", offset: 3 } });
  tracker._answered("t:a", { epoch: "f", offset: 5, result: "fresh", missed: 0 });
  assert.deepEqual(gaps, [gap, { topic: "t:a", epoch: "e", from: 43, missed: null, reason: "fresh" }]);
});

test("a gap of another epoch leaves quiet topics of other types where their streams are", () => {
  const tracker = tracking({}, () => {});
  for (const topic of ["t", "other:loud", "other:quiet"]) {
    tracker._answered(topic, { epoch: "e", offset: 5, result: "fresh", missed: 0 });
  }
  assert.ok(tracker._passed("other:loud", 9));
  tracker._gapped({ topic: "t", epoch: "f", from: 1, to: 2, missed: null, reason: "broker" });
  assert.deepEqual(tracker._list(["t", "other:quiet"]), { t: { epoch: "f", offset: 2 }, "other:quiet": { epoch: "e", offset: 9 } });
});
