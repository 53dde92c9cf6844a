// Package event is the envelope: the JSON object that every message of Spokehub is. It reads and writes envelopes and has
// their rules, topics, control events and the answers to those. It knows no socket and no hub, starts no goroutine and never
// blocks.
//
// An [Event] owns its bytes and is for publishers, listeners and tools. A [View] reads a message in place, without an
// allocation, and is for the hub. A [Fault] is why either rejects a message.
//
// # Compatibility
//
// This package is public API, for everyone who embeds the hub or talks to one. Before version 1.0 of the module a minor
// version may change it. From 1.0 on, code that compiles and works keeps doing so until 2.0. New faults and control events
// may be added at any time.
//
// # Decisions
//
// A duplicate name makes a message malformed, at every level of nesting, in the payload and in unknown members too. Names
// are compared after their escapes are decoded, and case matters. The values of unknown members are ignored but must be
// valid. Bytes that aren't UTF-8 and escapes that are half a surrogate pair are malformed everywhere. The envelope has depth
// 1, so a payload may nest 511 deep. White space around the object and between its members is allowed and not part of the
// payload. White space inside the payload is.
//
// A control character is what Unicode calls Cc: U+0000 to U+001F, U+007F, and U+0080 to U+009F. Lengths are in bytes of the
// decoded text. A missing payload reads as null. An id of null is a wrong type, not a missing id. A control payload has
// either topic or topics; one with both is rejected, because it is ambiguous.
//
// # Two paths
//
// A scanner of our own reads an envelope in one pass. It either gives the result that the JSON library would give, or
// declines. It declines a member name with an escape, more than 64 names in all objects that are open at a time (not
// counting type, id and payload themselves), and nesting deeper than 32. Then the library (go-json-experiment/json) decides,
// which may allocate. FuzzEnvelope fails for any input on which the two differ.
//
// # Cost
//
// Measured on one core of a shared 4-core AMD EPYC virtual machine, Go 1.26, best of 8 runs. "library" is json.Unmarshal of
// the same message into a struct, without this package's rules. View.Parse allocates only in the last row.
//
//	message                                View.Parse   library
//	64 B, object of 2 members                   64 ns    256 ns
//	160 B, object of 6 members                 128 ns    389 ns
//	1 KiB, objects and arrays                  829 ns   1451 ns
//	1 KiB, one English text                    217 ns    558 ns
//	1 KiB, one Cyrillic text                   953 ns   1433 ns
//	1 KiB, one text, an escape each 8 bytes    710 ns    803 ns
//	1 KiB, declined for an escaped name       2765 ns   1567 ns
//
// Append takes 14 ns for 64 B and 22 ns for 1 KiB, Event.Validate 44 ns and 805 ns. View.Event takes 79 ns and two
// allocations. View.Parse with Topics takes 75 ns for one topic and 22 ns a topic for a thousand.
package event
