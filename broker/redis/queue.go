package redis

import (
	"sync"

	"github.com/redis/rueidis"
)

// queue has what a connection has received and its goroutine has not delivered.
//
//	I1  It has at most limit messages and limitBytes bytes, except that a single message may be longer.
type queue struct {
	mu         sync.Mutex
	messages   []rueidis.PubSubMessage
	bytes      int
	limit      int
	limitBytes int
	// dropped is how many were lost since the queue was empty last.
	dropped int
	wake    chan struct{}
}

// put never blocks.
func (q *queue) put(m rueidis.PubSubMessage) {
	q.mu.Lock()
	size := len(m.Message) + len(m.Channel)
	if len(q.messages) >= q.limit || q.bytes > 0 && q.bytes+size > q.limitBytes {
		q.dropped++
	} else {
		q.messages = append(q.messages, m)
		q.bytes += size
	}
	q.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// take returns what is there, in exchange for an empty slice. Once nothing is there it returns how many were dropped.
func (q *queue) take(empty []rueidis.PubSubMessage) (messages []rueidis.PubSubMessage, dropped int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	messages, q.messages, q.bytes = q.messages, empty, 0
	if len(messages) == 0 {
		dropped, q.dropped = q.dropped, 0
	}
	return messages, dropped
}
