const SUBSCRIBE = '{"type":"__subscribe"';
const UNSUBSCRIBE = '{"type":"__unsubscribe"';
const TICK = '{"type":"tick"';
const SSL_OP_NO_TICKET = 0x4000;
const ID_AT = '{"type":"room","id":"'.length;

function control(ws, message, subscribing) {
  const { id, payload } = JSON.parse(message);
  if (subscribing) ws.subscribe(payload.topic);
  else ws.unsubscribe(payload.topic);
  if (id !== "") ws.send('{"type":"__ack","id":"' + id + '","payload":{"topics":["' + payload.topic + '"]}}');
}

const [maxPayload, certificate, key] = process.argv.slice(2);
const tls = certificate && { cert: Bun.file(certificate), key: Bun.file(key), secureOptions: SSL_OP_NO_TICKET };

const server = Bun.serve({
  tls,
  hostname: "127.0.0.1",
  port: 0,
  fetch(request, server) {
    if (server.upgrade(request)) return;
    return new Response("upgrade to WebSocket", { status: 426 });
  },
  websocket: {
    idleTimeout: 0,
    sendPings: false,
    perMessageDeflate: false,
    publishToSelf: false,
    maxPayloadLength: Number(maxPayload),
    backpressureLimit: 1 << 20,
    closeOnBackpressureLimit: true,
    message(ws, message) {
      if (message.startsWith(TICK)) ws.publish("tick", message);
      else if (message.startsWith(SUBSCRIBE)) control(ws, message, true);
      else if (message.startsWith(UNSUBSCRIBE)) control(ws, message, false);
      else ws.publish("room:" + message.slice(ID_AT, ID_AT + 8), message);
    },
  },
});

console.log(`listening ${tls ? "wss" : "ws"}://127.0.0.1:${server.port}/ws`);
