// Package stream keeps history: the events of some types, in order, so that who comes back gets what it missed.
//
// A stream is the sequence of all events of one type. A [Policy] says for which types there is one and how much of it is kept, a
// [Store] keeps it. [Memory] is the store that this package has: streams in the memory of one process, which end with it.
//
// # Compatibility
//
// This package is a layer of the hub. Anyone may import it, but its API is not covered by the promise that the packages fanout and
// event make: it may change in any release, 1.0 and later ones included. Pin the version if you use it. [Policy], [History],
// [Behind], [Interest] and [ErrKey] are the exception: users of package fanout need them, so they change only as that does.
//
// # What Memory keeps
//
// A sequence is the stream of a type as Memory has it. Its newest events are in a ring. When one of the policy's bounds is exceeded, the
// oldest event is trimmed. If the policy wants the newest event of each id, and the trimmed one is that, it becomes a survivor. The
// memory of ring and survivors together is bounded by History.Bytes: while it is exceeded, the oldest survivors go if they take more
// than half of the bound, and else the oldest events of the ring. An event that is larger than the bound by itself pushes out all that
// is in the ring, and is not kept.
//
// Idempotency keys are kept beside the events, for five minutes and 16,384 a sequence at most. They outlive Remove.
//
// All sequences together are bounded by the limit that NewMemory was given. While it is exceeded, an Append forgets sequences that keep
// nothing and have been quiet for ten seconds, those first that were appended to the longest ago; if there are none, it trims the
// largest of eight that it picks at random. A sequence that has nothing left then is forgotten, too. So a stranger who
// begins a million streams pushes out mostly its own.
//
// Offsets of a type never go back. What a forgotten sequence had used is below the floor of the store, and a sequence that begins later
// begins behind the floor. Nobody knows how many events there were between an older position and the floor, so a page says -1 of them.
//
// # Replicas
//
// Where an engine keeps the streams of many hubs, Memory has replicas of them: the newest events, so that spokes are fed from here.
// Memory.Begin says which position a replica follows, and Memory.Insert gives it one event after another, at the offsets that they have
// there. A hole is jumped over by Begin: a short one keeps its places in the ring, so that what lies ahead of it is kept. The epoch is that of the engine; with another one the stream is another, and all that was kept of
// the one before is dropped. Offsets of a replica are dense from 1 on, so a page always says how many events are missing. Where a replica
// stands is known by nobody else: pressure trims it, and never forgets it. Its offsets do not count for the floor.
//
// # Owners and locks
//
// Lock order: a shard's lock, then a sequence's, then the agenda's. No goroutine holds two of the same kind.
//
//   - A sequence's lock guards what the sequence keeps. It is held for one append, one page, or up to 1,024 events that are
//     trimmed. Under it the draft places its frame, and frames are retained and released.
//   - A shard's lock guards the table from types to sequences. It is held for a lookup, or to begin or forget one sequence.
//   - The agenda's lock guards the timer and the heap of sequences with something that gets too old. A sequence enters it when it keeps
//     its first such event or key, not with each one. The timer is set only while the heap has some.
//   - Held and the counters are atomics, changed after the locks are free.
//
// # Invariants
//
// They hold of a sequence whenever its lock is free; the last three, which are about several owners, whenever no call is running.
//
//	I1  Offsets behind base are dense: the ring has those from first to top, and
//	    first is greater than base, which is 0 of a replica. Its entries at the
//	    offsets in holes have no frame, all others do, and so does the first.
//	I2  The sequence has one reference to each frame in the ring and among the
//	    survivors, and no other. The bytes of both are the sums of their entries.
//	I3  newest has exactly the newest event of each id that is kept, if the policy
//	    has LatestPerID or Latest, and else nothing. An event in the ring is marked
//	    as superseded exactly if newest had it and has not any more.
//	I4  Survivors are in the order of their offsets, older than first, each the
//	    newest of its id. There are some only if the policy has LatestPerID.
//	I5  A sequence is in the table of its type's shard, and in the list at its
//	    place, exactly if it is not forgotten.
//	I6  A sequence is in its shard's list of idle ones exactly if it keeps nothing,
//	    neither events nor keys, and is no replica.
//	I7  Held is the memory of all sequences in the tables: frames, arrays, keys and
//	    the sequences themselves. So it is 0 when all are forgotten.
//	I8  A sequence with something that gets too old is in the agenda, due when that
//	    happens or before.
//
// An append that races with the forgetting of its sequence isn't lost: whoever has the sequence's lock second sees what the first has
// done. If that was the append, the sequence is not empty and stays. If it was the forgetting, the append begins a new sequence,
// behind a floor that was raised under the same lock.
//
// # Figures
//
// Processor time on a 2-core Zen 5 virtual machine, Go 1.26, while others used it. Read the figures as ratios, and see the benchmarks.
//
//   - Append to a stream that is full: 125 ns without allocation, 155 ns if the newest of each of 1,000 ids is kept, 1.4 µs with
//     100,000 ids, which don't fit the cache. With an idempotency key that is new: 0.8 µs.
//   - A page of 64 events and its release: 0.5 µs from the ring, 0.6 µs from the middle of 100,000 survivors.
//   - An Append that begins a stream while the limit is exceeded, and so forgets another of 80,000: 6 µs.
//   - Memory: 24 bytes an event beside its frame, up to twice as much while a ring grows; some 80 for an event that is the newest of its
//     id; some 560 for a stream. Held counts all of it.
package stream
