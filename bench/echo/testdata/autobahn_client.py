"""Plays a client of the Autobahn library against an echo server, and fails with what it got and wanted.

    python3 autobahn_client.py HOST PORT MAX_MESSAGE
"""

import asyncio
import sys

from autobahn.asyncio.websocket import WebSocketClientFactory, WebSocketClientProtocol
from autobahn.websocket.compress import PerMessageDeflateOffer

KIB = 1 << 10
MIB = 1 << 20
GREEK = "\u03ba\u1f79\u03c3\u03bc\u03b5".encode()


class Client(WebSocketClientProtocol):
    def __init__(self):
        super().__init__()
        loop = asyncio.get_running_loop()
        self.opened = loop.create_future()
        self.ended = loop.create_future()
        self.inbox = asyncio.Queue()

    def onOpen(self):
        self.opened.set_result(True)

    def onMessage(self, payload, isBinary):
        self.inbox.put_nowait(("binary" if isBinary else "text", payload))

    def onPong(self, payload):
        self.inbox.put_nowait(("pong", payload))

    def onClose(self, wasClean, code, reason):
        if not self.opened.done():
            self.opened.set_exception(ConnectionError(reason))
        self.ended.set_result((wasClean, code))


class Conversation:
    def __init__(self, host, port):
        self.host, self.port = host, port
        self.wrong = []

    async def client(self, **options):
        factory = WebSocketClientFactory(f"ws://{self.host}:{self.port}/")
        factory.protocol = Client
        factory.setProtocolOptions(failByDrop=False, **options)
        loop = asyncio.get_running_loop()
        _, client = await loop.create_connection(factory, self.host, self.port)
        await client.opened
        return client

    def check(self, name, got, want):
        if got != want:
            self.wrong.append(f"{name}: got {shown(got)}, want {shown(want)}")

    async def echoes(self, name, client, kind, payload, fragment=None):
        client.sendMessage(payload, isBinary=kind == "binary", fragmentSize=fragment)
        self.check(name, await received(client), (kind, payload))

    async def ends(self, name, client, code, clean=True):
        self.check(name, await client.ended, (clean, code))


async def received(client):
    """What comes next: a message or a pong, or the end."""
    inbox = asyncio.ensure_future(client.inbox.get())
    await asyncio.wait((inbox, client.ended), return_when=asyncio.FIRST_COMPLETED)
    if inbox.done():
        return inbox.result()
    inbox.cancel()
    return client.ended.result()


def shown(value):
    text = repr(value)
    return text if len(text) < 100 else f"{text[:100]}... ({len(text)} characters)"


async def messages(talk):
    client = await talk.client()
    for size in (0, 1, 125, 126, 127, 128, 64 * KIB - 1, 64 * KIB, MIB):
        await talk.echoes(f"text of {size}", client, "text", b"*" * size)
        await talk.echoes(f"binary of {size}", client, "binary", b"\xfe" * size)
    for fragment in (1, 125, 126, 1300):
        await talk.echoes(f"text in fragments of {fragment}", client, "text", GREEK * KIB, fragment)
    await talk.echoes("binary in large fragments", client, "binary", b"\xfe" * MIB, 64 * KIB)
    client.sendPing(b"ping")
    talk.check("pong", await received(client), ("pong", b"ping"))
    client.sendFrame(opcode=1, payload=b"one", fin=False)
    client.sendPing(b"between")
    talk.check("pong between fragments", await received(client), ("pong", b"between"))
    client.sendFrame(opcode=0, payload=b"two")
    talk.check("message around a ping", await received(client), ("text", b"onetwo"))
    client.sendClose(1000)
    await talk.ends("close after messages", client, 1000)


async def without_compression(talk):
    client = await talk.client(perMessageCompressionOffers=[PerMessageDeflateOffer()])
    talk.check("extensions", client.websocket_extensions_in_use, [])
    await talk.echoes("text with compression declined", client, "text", GREEK)
    client.sendClose(1000)
    await talk.ends("close without compression", client, 1000)


async def closes(talk):
    client = await talk.client()
    client.sendClose()
    await talk.ends("close without a code", client, None)
    for code in (1000, 3000, 3999, 4000, 4999):
        client = await talk.client()
        client.sendClose(code, "the reason")
        await talk.ends(f"close with {code}", client, code)


async def violations(talk, limit):
    for name, code, frame in (
        ("reserved opcode", 1002, {"opcode": 3}),
        ("reserved bits", 1002, {"opcode": 1, "rsv": 4}),
        ("continuation of nothing", 1002, {"opcode": 0}),
        ("fragmented ping", 1002, {"opcode": 9, "fin": False}),
        ("long ping", 1002, {"opcode": 9, "payload": b"p" * 126}),
        ("text that isn't UTF-8", 1007, {"opcode": 1, "payload": b"\xff"}),
        ("message over the limit", 1009, {"opcode": 2, "payload": b"x" * (limit + 1)}),
    ):
        client = await talk.client()
        client.sendFrame(**frame)
        await talk.ends(name, client, code)
    client = await talk.client(maskClientFrames=False)
    client.sendMessage(b"bare")
    await talk.ends("unmasked frame", client, 1002)


async def main(host, port, limit):
    talk = Conversation(host, port)
    await messages(talk)
    await without_compression(talk)
    await closes(talk)
    await violations(talk, limit)
    if talk.wrong:
        sys.exit("\n".join(talk.wrong))


asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
