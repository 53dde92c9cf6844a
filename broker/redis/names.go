package redis

import (
	"strings"

	"github.com/spokehub/spokehub/broker"
)

// names makes the names of channels and keys. A name is the prefix, in a cluster the tag of a bucket in braces, one letter for what it is, and
// what it is of, with colons between. Types have no colon, so the first one behind a type ends it.
type names struct {
	prefix  string
	sharded bool
}

// Letters of names.
const (
	letterPlain   = 'p'
	letterByID    = 'i'
	letterControl = 'c'
	letterStream  = 's'
	letterProbe   = 'x'
)

// channel is the one that messages with the key are published to.
func (n names) channel(k broker.Key) string {
	switch {
	case k.Kind == broker.Control:
		return n.name(letterControl, k.Type, k.Type)
	case k.Kind == broker.Stream:
		return n.name(letterStream, k.Type, k.Type)
	case k.ID != "":
		text := k.Type + ":" + k.ID
		return n.name(letterByID, text, text)
	}
	return n.name(letterPlain, k.Type, k.Type)
}

// name is one of the bucket that spread falls into.
func (n names) name(letter byte, text, spread string) string {
	if n.sharded {
		return n.prefix + ":{" + tags[bucketOf(spread)] + "}:" + string(letter) + ":" + text
	}
	return n.prefix + ":" + string(letter) + ":" + text
}

// keys are those of a stream.
type keys struct {
	// meta is a hash of fields: see the script.
	meta string
	// row is the Redis stream with the events that are kept in a row.
	row string
	// order and newest have the newest event of each id: a sorted set of ids by offset, and a hash of data by id.
	order, newest string
}

func (n names) keys(typ string) keys {
	return keys{
		meta:   n.name('m', typ, typ),
		row:    n.name('s', typ, typ),
		order:  n.name('z', typ, typ),
		newest: n.name('n', typ, typ),
	}
}

// idempotency is the key of an idempotency key.
func (n names) idempotency(typ, key string) string { return n.name('k', typ+":"+key, typ) }

// probe is a channel in a bucket on which an engine hears itself.
func (n names) probe(bucket int, engine string) string {
	if n.sharded {
		return n.prefix + ":{" + tags[bucket] + "}:x:" + engine
	}
	return n.prefix + ":x:" + engine
}

// parse takes a channel apart. What is of no hub has letter 0.
func (n names) parse(channel string) (letter byte, text string) {
	rest, found := strings.CutPrefix(channel, n.prefix)
	if found && n.sharded {
		_, rest, found = strings.Cut(rest, "}")
	}
	if !found || len(rest) < 3 || rest[0] != ':' || rest[2] != ':' {
		return 0, ""
	}
	return rest[1], rest[3:]
}

// bucket is that of a channel of a cluster.
func (n names) bucket(channel string) int {
	if !n.sharded {
		return 0
	}
	tag, _, _ := strings.Cut(channel[len(n.prefix)+2:], "}")
	return bucketOfTag[tag]
}
