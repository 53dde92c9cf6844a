import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const directory = process.argv.at(-1);
const { Spoke } = await import(pathToFileURL(`${directory}/dist/client.js`).href);
const WebSocket = createRequire(`${directory}/package.json`)("ws");

/** What waits to be written: many lines at once cost less. */
let pending = "";

/** Writes a line, soon. */
function say(...words) {
  if (pending === "") {
    setTimeout(flush, 5);
  }
  pending += words.join(" ").replaceAll("\n", " ") + "\n";
}

function flush() {
  process.stdout.write(pending);
  pending = "";
}

/** One client, and what it publishes. */
class Client {
  constructor(task, member) {
    this.member = member;
    this.said = 0;
    this.spoke = new Spoke(`${task.url}?client=${member.client}`, {
      WebSocket: this.watch(),
      minDelay: task.minDelay,
      maxDelay: task.maxDelay,
      silence: task.ping,
      probeTimeout: task.patience,
      connectTimeout: task.connect,
    });
    this.spoke.addEventListener("state", ({ detail }) => {
      if (this.opened && (detail === "waiting" || detail === "connecting")) {
        this.opened = false;
        say("L", member.client);
      }
    });
    this.spoke.addEventListener("error", ({ detail }) => {
      if (detail.code !== "lost") {
        say("X", member.client, detail.code, detail.message);
      }
    });
    this.spoke.addEventListener("close", ({ detail }) => {
      if (detail) {
        say("X", member.client, "the client has stopped:", detail.message);
      }
    });
    for (const topic of member.topics) {
      this.spoke.addEventListener(topic, (event) => this.heard(topic, event));
    }
    this.spoke.addEventListener("gap", ({ detail: gap }) =>
      say("U", member.client, gap.topic, gap.epoch ?? "-", gap.from ?? 0, gap.to ?? 0, gap.missed ?? -1, gap.reason),
    );
    for (const topic of member.kept) {
      this.spoke.addEventListener(topic, (event) => this.heardKept(topic, event));
    }
    for (const topic of member.muted ?? []) {
      this.spoke.addEventListener(topic, () => {});
    }
  }

  /**
   * Makes a class of sockets that note when one has opened, for only then can the client have sent something that is lost, and when the
   * client lets go of one that is open.
   */
  watch() {
    const client = this;
    return class extends WebSocket {
      constructor(...parameters) {
        super(...parameters);
        this.once("open", () => {
          client.opened = true;
        });
      }

      close(...parameters) {
        if (this.readyState === WebSocket.OPEN && this.onclose === null) {
          say("G", client.member.client);
        }
        super.close(...parameters);
      }
    };
  }

  /** Says what a listener got. An event that a listener of a type gets carries its id beside the payload. */
  heard(topic, event) {
    const name = topic.includes(":") || event.id === "" ? topic : `${topic}:${event.id}`;
    say("E", this.member.client, name, event.detail.n, event.detail.all ?? 0);
  }

  /** Says what a listener of a topic of a stream got, and where that is. */
  heardKept(topic, { id, offset, detail }) {
    const name = topic.includes(":") || id === "" ? topic : `${topic}:${id}`;
    const { epoch } = this.spoke.positions[topic] ?? {};
    say("S", this.member.client, topic, `${epoch}:${offset}`, name, detail.n, detail.all ?? 0, detail.by ?? 0);
  }

  /** Publishes the next event of a voice. It says so first, and afterwards if it couldn't. */
  publish() {
    this.said++;
    say("P", this.member.client, this.said);
    try {
      this.spoke.publish(this.member.voice, { n: this.said, by: this.member.isAuthor ? this.member.client : 0 });
    } catch (refusal) {
      if (refusal.code !== "queue_full") {
        say("X", this.member.client, refusal.message);
      }
      say("Q", this.member.client, this.said);
    }
  }
}

process.on("SIGINT", () => {});
process.on("SIGTERM", () => {});
process.on("uncaughtException", (error) => say("X", -1, error.stack));
process.on("unhandledRejection", (error) => say("X", -1, error?.stack ?? error));

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const task = JSON.parse((await lines.next()).value);
const clients = task.members.map((member) => new Client(task, member));

/** When the process last got to run, as far as a timer can tell. */
let awake = performance.now();
setInterval(() => {
  const late = Math.round(performance.now() - awake - 20);
  awake = performance.now();
  if (late > 100) {
    say("W", task.members[0].client, late);
  }
}, 20);

const voices = clients.filter((client) => client.member.voice);
const speakAll = () => voices.forEach((client) => client.publish());

/** Counts the turns of the voices. Those of streams use one of a few. */
let turn = 0;
const speak = () => {
  turn++;
  voices.forEach((client, place) => {
    if (!client.member.isAuthor || (turn + place) % task.authorTurns === 0) {
      client.publish();
    }
  });
};
let speaking = setInterval(speak, task.pause);

for (let next = await lines.next(); !next.done; next = await lines.next()) {
  switch (next.value) {
    case "hush":
      clearInterval(speaking);
      break;
    case "speak":
      clearInterval(speaking);
      speaking = setInterval(speak, task.pause);
      break;
    case "say":
      speakAll();
      break;
    case "measure":
      globalThis.gc();
      break;
  }
  say("D", JSON.stringify({ heap: process.memoryUsage().heapUsed, running: process.getActiveResourcesInfo().length }));
}
clearInterval(speaking);
clients.forEach((client) => client.spoke.close());
setTimeout(() => {
  flush();
  process.exit(0);
}, 100);
