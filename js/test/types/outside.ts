import { Spoke, SpokeError, SpokeEvent } from "@spokehub/client";
import { events } from "@spokehub/client/events";
import { Presence } from "@spokehub/client/presence";
import type { Gap, Positions } from "@spokehub/client";

interface Order {
  total: number;
}

type Events = { price: number; "order.created": Order; "price:special": string };

/** Nothing of this runs: it has to compile, and what is marked has not to. */
export function typed(spoke: Spoke<Events>, plain: Spoke): void {
  spoke.addEventListener("price", (event) => {
    const detail: number = event.detail;
    const id: string = event.id;
    // @ts-expect-error a price is no string
    const wrong: string = event.detail;
    void [detail, id, wrong];
  });
  spoke.addEventListener("price:EURUSD", ({ detail }) => detail.toFixed());
  spoke.addEventListener("price:special", ({ detail }) => detail.toUpperCase());
  spoke.addEventListener(":order.created", ({ detail }) => detail.total.toFixed());
  spoke.addEventListener("order.created:7", { handleEvent: (event: SpokeEvent<Order>) => event.detail.total }, { once: true });
  spoke.addEventListener("price", null, true);
  spoke.addEventListener("state", ({ detail }) => detail === "paused");
  spoke.addEventListener("ready", ({ detail }) => detail satisfies null);
  spoke.addEventListener("close", ({ detail }) => detail?.closeCode);
  spoke.addEventListener("error", ({ detail }) => detail.code === "queue_full");
  // @ts-expect-error there is no such topic
  spoke.addEventListener("prise", () => {});
  // @ts-expect-error nor has it ids
  spoke.addEventListener("prise:1", () => {});
  // @ts-expect-error there is no such state
  spoke.addEventListener("state", ({ detail }) => detail === "away");
  // @ts-expect-error an event is no number
  spoke.addEventListener("price", (event: number) => event);
  spoke.publish("price:EURUSD", 1.08);
  spoke.publish("order.created", { total: 1 });
  // @ts-expect-error a price is no string
  spoke.publish("price", "1");
  // @ts-expect-error there is no such topic
  spoke.publish("prise", 1);
  void spoke.subscribe(["price", "order.created:7"], { signal: AbortSignal.timeout(1) });
  // @ts-expect-error there is no such topic
  void spoke.subscribe("prise");
  const target: EventTarget = spoke;
  const iterator: AsyncIterable<SpokeEvent<Order>> = events(spoke, "order.created:7", { buffer: 5, overflow: "drop-oldest" });
  // @ts-expect-error there is no such answer
  events(spoke, "price", { overflow: "ignore" });
  const withGaps: AsyncIterable<SpokeEvent<number> | CustomEvent<Gap>> = events(spoke, "price", { gaps: true });
  spoke.addEventListener("gap", ({ detail }) => detail.missed ?? detail.reason === "fresh");
  const positions: Positions = spoke.positions;
  new Presence(spoke, "price").addEventListener("change", ({ detail }) => detail.join.length);
  // @ts-expect-error there is no such topic
  events(spoke, "prise");
  // @ts-expect-error the state is read
  spoke.state = "ready";
  plain.addEventListener("anything", ({ detail }) => {
    // @ts-expect-error unknown is not any
    detail.total;
  });
  plain.addEventListener("anything", (event: CustomEvent<number>) => event.detail.toFixed());
  plain.publish("anything:5", [1, null]);
  void [target, iterator, withGaps, new SpokeError("closed", "x").code, new Spoke("/ws", { token: async () => "t", queueBytes: 1, since: positions })];
  // @ts-expect-error there is no such option
  void new Spoke("/ws", { tokens: "t" });
}
