package stream

import (
	"strings"
	"time"
)

const (
	// keyWindow is how long a key is remembered.
	keyWindow = 5 * time.Minute
	// maxKeys is how many keys a stream remembers.
	maxKeys = 16384
	// keyBytes is what a key takes beside its text: its places in the queue and in the table.
	keyBytes = 96
)

// keys are the idempotency keys of a stream that were appended in the last five minutes. The zero value has none.
type keys struct {
	offsets map[string]uint64
	// order has them in the order in which they came, from head on.
	order []key
	head  int
	bytes int64
}

// key is an idempotency key.
type key struct {
	text string
	at   tick
}

// len is how many there are.
func (k *keys) len() int { return len(k.order) - k.head }

// expire forgets those whose time is over.
func (k *keys) expire(now tick) {
	for k.len() > 0 && now.since(k.order[k.head].at) >= ticksOf(keyWindow) {
		k.dropOldest()
	}
}

// add remembers a key that is not there.
func (k *keys) add(text string, offset uint64, now tick) {
	if k.len() == maxKeys {
		k.dropOldest()
	}
	if k.offsets == nil {
		k.offsets = map[string]uint64{}
	}
	text = strings.Clone(text)
	k.offsets[text] = offset
	k.order = append(k.order, key{text, now})
	k.bytes += int64(len(text)) + keyBytes
}

// dropOldest forgets the oldest one. There is one.
func (k *keys) dropOldest() {
	oldest := &k.order[k.head]
	delete(k.offsets, oldest.text)
	k.bytes -= int64(len(oldest.text)) + keyBytes
	*oldest = key{}
	if k.head++; k.head == len(k.order) {
		*k = keys{}
		return
	}
	if k.head > 64 && k.head > len(k.order)/2 {
		kept := copy(k.order, k.order[k.head:])
		clear(k.order[kept:])
		k.order, k.head = k.order[:kept], 0
	}
}
