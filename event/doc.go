// Package event is the envelope: the JSON object that every message of Spokehub is. It reads and writes envelopes and has
// their rules, topics, control events and the answers to those, positions in streams, gaps and presence. It knows no socket, no hub and
// no stream, and nothing in it waits.
//
// An [Event] owns its bytes and is for publishers, listeners and tools. A [View] reads a message in place, without an
// allocation, and is for the hub. A [Fault] is why either rejects a message. A [Target] is where events are dispatched to and
// listened for: a hub, a client of one, or a [Local], which is within the process. Code that takes a Target runs with each.
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
// are compared after their escapes are decoded, unit by unit, and case matters. The values of unknown members are ignored but
// must be valid. Bytes that aren't UTF-8 are malformed everywhere. The envelope has depth 1, so a payload may nest 511 deep.
// White space around the object and between its members is allowed and not part of the payload. White space inside the
// payload is. A message or a payload is shorter than 2 GiB.
//
// An escape that is half of a surrogate pair, which JSON.stringify writes for a character cut in two, is part of JSON and
// passes through wherever bytes pass through: in the payload and in unknown members, in names as in strings. Two different
// halves are two names. In a type or an id, which are UTF-8, it is malformed, and in a control event it is no valid topic.
// Who decodes a payload has to expect it: encoding/json reads U+FFFD, and other libraries may refuse it. Numbers of any size
// pass through too.
//
// A control character is what Unicode calls Cc: U+0000 to U+001F, U+007F, and U+0080 to U+009F. Lengths are in bytes of the
// decoded text. A missing payload reads as null. An id of null is a wrong type, not a missing id. A control payload has
// either topic or topics; one with both is rejected, because it is ambiguous.
//
// # Streams
//
// A stream is the sequence of all events of one type. A [Position] in it is an epoch and an offset. An event of a stream carries its
// offset as one more member, the last: AppendOffset adds it to an envelope, and View.Offset, Event.Offset read it. An offset is an
// integer from 1 to [MaxOffset], written in digits alone. Any other value, such as 1e3 or 1.0, doesn't make the message malformed: it
// reads as 0, no offset.
//
// A spoke that has been away subscribes with the positions that it has seen, in the member since, which View.Since reads: one for
// each topic. A malformed position is told from a missing one. The ack has the end of each stream and what follows
// ([AckPosition]). A [Gap] says which events don't. The ack of a __presence lists who is subscribed to a topic, and each
// [PresenceChange] after it says who is new and who has left. ParseAck and ParseGap return results and reasons that have no name here
// as they are. What no hub may send, such as a gap that ends before it begins, is [FaultAnswer].
//
// # Cost
//
// A scanner of our own reads an envelope in one pass. FuzzEnvelope fails for any input on which it and the JSON library
// (go-json-experiment/json) differ, apart from half surrogates.
//
// Measured on one core of a shared AMD EPYC virtual machine, Go 1.26, best of many runs. "library" is json.Unmarshal of the
// same message into a struct, without this package's rules. View.Parse allocates nothing in any row.
//
//	message                                View.Parse   library
//	64 B, object of 2 members                   89 ns    341 ns
//	160 B, object of 6 members                 165 ns    479 ns
//	1 KiB, objects and arrays                 1042 ns   1961 ns
//	1 KiB, one English text                    262 ns    670 ns
//	1 KiB, one Cyrillic text                  1045 ns   2096 ns
//	1 KiB, one text, an escape each 8 bytes    525 ns   1115 ns
//	1 KiB, objects and arrays, escaped name   1119 ns   2083 ns
//
// A message costs no more than in proportion to its length, because a name costs the same whatever the other names are:
// names are compared by a hash that senders don't know where a filter can't tell them apart. The dearest byte is that of a
// short name with an escape, which is decoded and hashed. BenchmarkParseHostile has the worst messages that we know, as
// View.Parse reads them for 64 KiB:
//
//	message                                        ns/byte   of an ordinary one
//	objects and arrays                                1.04    1
//	one object, all names different, 2 or 3 bytes     2.2     2.1
//	objects of a few names of one letter              2.2     2.1
//	objects nested 510 deep, two names each           2.3     2.3
//	objects of one member, with an empty name         2.5     2.4
//	one object, all names with an escape              3.1     2.9
//	objects of a few names, each one short escape     5.0     4.5
//
// View.Since takes 0.1 us a topic for a thousand topics if its keys are in the order of the topics, and 0.2 us in any other order: then
// they are looked up by a hash that senders don't know. Like the topics, it is read in time that is in proportion to the payload.
//
// Append takes 20 ns for 64 B and 30 ns for 1 KiB, Event.Validate 72 ns and 1045 ns. View.Event takes 64 ns and two
// allocations. View.Parse with Topics takes 105 ns for one topic and 31 ns a topic for a thousand.
package event
