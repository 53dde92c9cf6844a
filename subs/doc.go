// Package subs is the subscription index: it maps a topic to its members, laid
// out so that a fan-out walks dense memory and takes no lock.
//
// The package doesn't know what a member is. A member is a slot number within a
// part, and a part is what one goroutine (a reactor) owns. Slot numbers should
// be dense from zero, since the member table of a part reaches up to the highest
// one in use.
//
// # Compatibility
//
// This package is a layer of the hub. Anyone may import it, but its API is not
// covered by the promise that the packages fanout and event make: it may change
// in any release, 1.0 and later ones included. Pin the version if you use it. In
// this repository only fanout and bench import it.
//
// # Owners
//
//   - A [Part] belongs to one goroutine. Only that goroutine touches the part's
//     member table and the part's list of every topic, so neither has a lock.
//   - A shard's lock guards its name table and, of every topic in it, the set of
//     parts that have members. It is held for a lookup, a bit and, when a topic
//     is created or freed, a table entry (and sometimes for growing that shard's
//     table). It is never held during a walk of members.
//   - A topic's name, hash and first part never change.
//   - The sizes that introspection reads are atomics, stored by the owners.
//
// Lock order: there is one kind of lock, the shard's. No goroutine ever holds
// two of them or calls anything outside this package under one, but for a
// [Watcher], which must not call back.
//
// # First and last member
//
// A topic is created for its first member over all parts in firstMemberLocked,
// and freed after its last one in lastMemberLocked, both in interest.go. Nothing
// else creates or frees a topic. A [Watcher] is told from there.
//
// # Invariants
//
//	I1  Whenever a shard's lock is free, a topic is in its table exactly if some
//	    bit of its parts is set, and the table has one topic of a name.
//	I2  Bit i of a topic's parts is set before the first member enters the
//	    topic's list in part i and cleared after the last one has left it. Only
//	    the owner of part i changes bit i, under the shard's lock.
//	I3  A freed topic never comes back: a subscription to its name creates a new
//	    one. The lists of the freed one, which a Match may still name, stay empty.
//	I4  A member has an entry for a topic exactly if the topic's list in its part
//	    has the member, once, at the position that the entry names.
//	I5  The member table holds a chunk exactly while one of its members has an
//	    entry or a set. Each part keeps one empty chunk for the next page.
//	I6  Subscriptions is the sum of the lengths of all lists, Len the number of
//	    topics in all tables, whenever no owner is inside a call.
//	I7  Held is the memory of all topics in all tables, of the chunks in use, of
//	    the sets and of the lists that have an array, whenever no owner is inside
//	    a call. So it is 0 when all have left.
//
// A subscription that races with the freeing of its topic isn't lost, because
// both hold the shard's lock. If the subscription comes first, its bit is set
// and the topic isn't freed (I1). If the freeing comes first, the topic is no
// longer found and a new one is created (I3). Either way the member enters a
// list of a topic that is in the table, and the topic stays there until the
// owner of that list empties it (I2).
//
// An event that is matched after Subscribe returned reaches the member. The
// match takes the lock after the subscription has unlocked it, so it finds the
// topic with the bit set; and when the owner comes to the event and walks its
// list, the member is in it.
//
// # Figures
//
// Measured on a 4-core Zen 5 virtual machine, Go 1.26. Read them as ratios, and
// see the benchmarks.
//
//   - Unsubscribe and Subscribe together: 80 ns in a topic of a few members,
//     105 to 120 ns in one of 100,000, 110 to 135 ns for a member with 1,000
//     topics, 340 ns if the topic is freed and created again. All but the last
//     allocate nothing. Four owners at one topic: 130 to 145 ns.
//   - Match: 24 ns for a type, 50 ns for type and id. With four cores matching at
//     once: 32 to 37 ns apart if they match the same topic, 13 to 21 ns if they
//     match different ones.
//   - Walk: 0.3 ns and 4 bytes a member. A map takes 9 to 10 ns.
//   - Memory: 31 bytes a member of one common topic. A topic with one member
//     takes 96 to 112 bytes besides its name and its member's 24; a further part
//     that joins a topic some 80; a subscription of a member with 1,000 topics
//     38. After everyone has left: one chunk of 24 KiB a part and 24 KiB of name
//     tables.
package subs
