// Package wsframe is the server's side of RFC 6455: the handshake, frames in, frames out, close codes. It knows no socket and no
// JSON, starts no goroutine and never blocks. Whoever owns a connection feeds it bytes and sends what it appends.
//
// # How a byte goes through
//
// In the beginning a connection's bytes are a request head. [HeadEnd] finds its end, whatever pieces it comes in; [ParseRequest]
// takes it apart, strictly; [Policy.Upgrade] decides, and appends the 101 response. Each of them may return a [Refusal] instead,
// which is an HTTP response to send before closing. A request for another path may go on to a web server: nothing was changed.
// What net/http has parsed comes in through [Policy.UpgradeHTTP], under the same rules and the same table of tests.
//
// All bytes behind the head are frames. [Parser.Next] reads a frame's header straight from the input, checks it, unmasks the
// payload where it lies, checks text for UTF-8, and returns a view of it. Only what the input has cut, or the client has
// fragmented, goes through a pooled buffer: header first, then payload as it comes, validated as it comes. A violation is a [Close]
// to send, with the code that the RFC asks for: 1002, 1007 or 1009. A connection that changes hands in the middle of a frame takes
// [Parser.Unread] along.
//
// Out go frames that are built once and may be shared by any number of connections: [AppendHeader], [AppendFrame], [AppendClose].
//
// The invariants I1 to I6 stand at [Parser]; the tests bear their names.
//
// # What is the client's fault
//
// 1002: a frame without mask, reserved bits or opcodes, a fragmented or too long control frame, a continuation of nothing or a new
// message inside a fragmented one, a length that isn't minimal or has more than 63 bits, a close payload of one byte or with a
// code that may not be sent. 1007: text that isn't UTF-8, at its first bad byte, across fragments and reads; a close reason that
// isn't. 1009: a message over the limit, at the header that exceeds it. No extension is negotiated.
//
// # What is used of gobwas/ws, and what isn't
//
// Its Cipher unmasks payloads over 512 bytes and those that come in pieces. Short ones are unmasked and searched for bytes beyond ASCII in
// one pass, which takes a quarter of the time at 60 bytes. Its header reader takes an io.Reader, allocates, and can't resume; its
// checks let lengths that aren't minimal pass and don't follow fragments; so headers are parsed here. Its Upgrader, fed
// exactly the head from memory, takes 514 ns and one allocation for a plain client and 687 ns for a browser, but accepts
// duplicate keys and blanks before colons, refuses lists in Upgrade, answers a missing version with 400, and has no
// Origin check. Behind the strict parse that mends this it would come on top; the response written here takes 190 ns. The whole
// handshake of this package, from HeadEnd to response, takes 363 ns and 639 ns, without an allocation. The tests hold headers, frames
// and Sec-WebSocket-Accept against it.
//
// # Figures
//
// One core of a 4-core Zen 5 virtual machine, Go 1.26; read them as ratios. No allocation in any of them.
//
//	Next, a whole frame of           16 B    128 B    1 KiB    64 KiB
//	text, ASCII                     11 ns    15 ns    49 ns    1.8 us
//	text, two-byte characters       22 ns    95 ns   676 ns     47 us
//	binary                          13 ns    15 ns    19 ns    0.7 us
//	text, ASCII, in two pieces      82 ns   104 ns   146 ns    2.4 us
//	sixteen frames of 128 B in one read, 12 ns each; a ping, 29 ns
//	AppendFrame                      3 ns     4 ns    11 ns    0.7 us
//
// Each figure of Next includes the call that finds nothing left. Handshake of a browser: HeadEnd 102 ns, ParseRequest 330 ns,
// Upgrade 192 ns; UpgradeHTTP on a parsed request 0.9 us and one allocation.
package wsframe
