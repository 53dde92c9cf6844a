// Package wsframe is the server's side of RFC 6455: the handshake, frames in, frames out, close codes. It knows no socket and no
// JSON, starts no goroutine and never blocks. Whoever owns a connection feeds it bytes and sends what it appends.
//
// # Compatibility
//
// This package is a layer of the hub. Anyone may import it, but its API is not covered by the promise that the packages fanout
// and event make: it may change in any release, 1.0 and later ones included. Pin the version if you use it. In this
// repository only fanout and bench import it.
//
// # The path of a byte
//
// A connection's first bytes are a request head. [Policy.FindHead] finds its end, in whatever pieces it comes. [ParseRequest] parses it
// strictly. [Policy.Upgrade] decides and appends the 101 response. Each of them may return a [Refusal] instead, an HTTP
// response to send before closing. A request for another path may be passed on to a web server, because nothing was changed.
// Requests that net/http has parsed come in through [Policy.UpgradeHTTP], under the same rules and the same table of tests.
//
// All bytes after the head are frames. [Parser.Next] parses a frame's header in the input, checks it, unmasks the payload in
// place, checks text for UTF-8, and returns the payload where it lies. Only a frame that continues beyond the input, and
// fragments, go through a pooled buffer: the header first, then the payload, unmasked and checked as it comes. A violation is a
// [Close] to send, with the code that the RFC asks for: 1002, 1007 or 1009. A connection that changes owners in the middle of
// a frame takes [Parser.Unread] along.
//
// Frames to send are built once and may be shared by any number of connections: [AppendHeader], [AppendFrame], [AppendClose].
//
// # Violations
//
// 1002: a frame without a mask; reserved bits or opcodes; a fragmented or overlong control frame; a continuation of nothing; a
// new message inside a fragmented one; a length that isn't minimal or has more than 63 bits; a close payload of one byte or with
// a code that may not be sent. 1007: text that isn't UTF-8, at its first bad byte, across fragments and reads; a close reason
// that isn't UTF-8. 1009: a message over the limit, at the header that exceeds it. No extension is negotiated.
//
// # Large messages
//
// A message that arrives in many reads is copied once, from the read to its buffer, and a little of it again while the buffer
// grows. A buffer is never larger than I3 allows: it doubles, until a quarter of a message whose end is known has come and it has
// room for all of it. [Parser.Held] tells its size, so that a server can bound what all its clients make it hold. Buffers up to
// 64 KiB are pooled. Larger ones, up to 16 MiB, are used again as long as the collector hasn't freed them. So they cost no more
// memory than garbage does, and it is rare that a fresh one must be cleared, which costs as much as to fill it.
//
// # What is used of gobwas/ws
//
// Its Cipher unmasks payloads over 512 bytes and those that come in pieces. Short ones are unmasked and searched for bytes
// beyond ASCII in one pass, which takes a quarter of the time at 60 bytes. Headers are parsed here, because its reader takes an
// io.Reader, allocates, and can't continue after half a header, and its checks accept lengths that aren't minimal and don't
// follow fragments. The handshake is written here, because its Upgrader accepts duplicate keys and blanks before colons, rejects
// lists in Upgrade, answers a missing version with 400, and has no Origin check. Fed exactly the head from memory it takes
// 514 ns and one allocation for a plain client and 687 ns for a browser. This package takes 363 ns and 639 ns from FindHead to
// the response, without an allocation. The tests compare headers, frames and Sec-WebSocket-Accept with gobwas/ws.
//
// # Figures
//
// One core of a 4-core Zen 5 virtual machine, Go 1.26. Read them as ratios. This package allocates nothing in them, except for
// messages over 64 KiB in several reads.
//
//	Next, a whole frame of           16 B    128 B    1 KiB    64 KiB
//	text, ASCII                     11 ns    15 ns    49 ns    1.8 us
//	text, two-byte characters       22 ns    95 ns   676 ns     47 us
//	binary                          13 ns    15 ns    19 ns    0.7 us
//	text, ASCII, in two pieces      82 ns   104 ns   146 ns    2.4 us
//
//	sixteen frames of 128 B in one read, 12 ns each; a ping, 29 ns
//	AppendFrame                      3 ns     4 ns    11 ns    0.7 us
//
//	binary, in reads of 64 KiB    1 MiB   16 MiB
//	this package                  70 us   2.8 ms
//	gorilla/websocket            245 us   5.1 ms
//
// Each figure of Next includes the call that finds nothing left, each of the last table also a copy of every read, as one out of
// the kernel. Handshake of a browser: FindHead 102 ns, ParseRequest 330 ns, Upgrade 192 ns; UpgradeHTTP on a parsed request
// 0.9 us and one allocation.
package wsframe
