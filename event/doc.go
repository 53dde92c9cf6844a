// Package event is the envelope, the one JSON object that a message of Spokehub holds: reading and writing it, its rules,
// topics, control events and their answers. It knows no socket and no hub, starts no goroutine and never blocks.
//
// Event owns its bytes and is for publishers, listeners and tools. View reads a message in place, without an allocation,
// and is for the hub. What both refuse is a Fault.
//
// # Decisions
//
// A duplicate name makes a message malformed on every level of nesting, in the payload and in unknown members too; names
// are compared as they are once their escapes are decoded, and their case counts. The values of unknown members are
// ignored but must be valid. Bytes that aren't UTF-8 and escapes that are half a surrogate pair are malformed anywhere. The
// envelope is depth 1, so a payload may nest 511 deep. White space around the object and between its members is allowed
// and not part of the payload; the white space inside the payload is.
//
// A control character is what Unicode calls Cc: U+0000 to U+001F, U+007F, and U+0080 to U+009F. Lengths are in bytes, of
// the decoded text. A missing payload reads as null; an id of null is a wrong type, not a missing id. A control payload has
// either topic or topics; with both it is refused, as it says two things.
//
// # Two paths
//
// A scanner of our own reads an envelope in one pass and either says what the JSON library would say or declines. It declines
// a member name with an escape, more than 64 names in the objects open at a time (type, id and payload themselves
// not counted) and nesting deeper than 32. Then the library (go-json-experiment/json) decides, which may allocate. Fuzzing
// holds the two together: FuzzEnvelope fails for any input on which they differ.
//
// # Cost
//
// Measured on one core of a shared 4-core AMD EPYC virtual machine, Go 1.26, best of 8 runs; library is the same message
// through json.Unmarshal into a struct, without this package's rules. View.Parse allocates in the last row alone.
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
// Append takes 14 ns for 64 B and 22 ns for 1 KiB, Event.Validate 44 ns and 805 ns, View.Event 79 ns and two allocations,
// View.Parse with Topics 75 ns for a topic and 22 ns a topic for a thousand.
package event
