import { before } from "node:test";
import { conformance } from "./conformance.ts";
import { startHub } from "./hub.ts";
import { spokeOf } from "./spokes.ts";
import type { Hub } from "./hub.ts";

let hub: Hub;

before(async () => {
  hub = await startHub();
});

conformance("two spokes over a hub", (t) => {
  const dispatch = spokeOf(t, hub.url);
  const listen = spokeOf(t, hub.url);
  return { dispatch, listen, settle: () => Promise.all([dispatch.ready, listen.drained()]), close: () => listen.close() };
});

conformance("a spoke that hears itself", async (t) => {
  const spoke = spokeOf(t, hub.url, { echo: true });
  await spoke.ready;
  return { dispatch: spoke, listen: spoke, close: () => spoke.close() };
});

