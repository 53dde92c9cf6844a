package redis

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/redis/rueidis"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/stream"
)

// streamLife is how long what belongs to a stream stays without an append, unless its events get too old sooner.
const streamLife = 30 * 24 * time.Hour

// ageReserve is added to the age of events before the whole stream goes, since the clocks of the servers of Redis differ.
const ageReserve = time.Minute

// unlimited is a number of events that is never exceeded.
const unlimited = "9007199254740992"

// errMalformed is an answer that no script of ours gives.
var errMalformed = errors.New("a script has answered something malformed: is another program using the keys of this prefix?")

// Append appends events, and sets what has become of each. The bytes are copied. It waits for Redis, no longer than the timeout. An event that
// fails comes behind those of its type that were appended, if the caller appends it again.
func (e *Engine) Append(ctx context.Context, events []*broker.Append) {
	s, err := e.current()
	if err != nil {
		for _, a := range events {
			a.Position, a.Repeated, a.Err = event.Position{}, false, err
		}
		return
	}
	sent := make([]*broker.Append, 0, len(events))
	for _, a := range events {
		a.Position, a.Repeated, a.Err = event.Position{}, false, s.tooLong(a.Data)
		if a.Err == nil {
			sent = append(sent, a)
		}
	}
	if len(sent) == 0 {
		return
	}
	results := e.run(ctx, s, appendScript, len(sent), func(i int) call { return e.appendCall(sent[i]) },
		func(i int) string { return sent[i].Type })
	for i, result := range results {
		e.settle(ctx, sent[i], result)
	}
}

// settle sets what has become of an event.
func (e *Engine) settle(ctx context.Context, a *broker.Append, result rueidis.RedisResult) {
	if a.Err = failure(ctx, result.Error()); a.Err != nil {
		if isReadOnly(result.Error()) && e.target.mode != clustered {
			e.Reconnect("the primary of Redis has become a replica")
		}
		return
	}
	fields, err := result.ToArray()
	if err != nil || len(fields) != 3 {
		a.Err = unavailable(errMalformed)
		return
	}
	if a.Position, err = position(fields[0], fields[1]); err != nil {
		a.Err = unavailable(err)
		return
	}
	repeated, _ := fields[2].ToInt64()
	if a.Repeated = repeated == 1; !a.Repeated {
		e.seen.note(a.Type, a.Position)
	}
}

// position reads an epoch and an offset.
func position(epoch, offset rueidis.RedisMessage) (event.Position, error) {
	name, errName := epoch.ToString()
	number, errNumber := number(offset)
	if errName != nil || errNumber != nil || !event.ValidEpoch(name) {
		return event.Position{}, errMalformed
	}
	return event.Position{Epoch: name, Offset: number}, nil
}

// number reads an offset, which scripts return as text.
func number(m rueidis.RedisMessage) (uint64, error) {
	text, err := m.ToString()
	if err != nil {
		return 0, errMalformed
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n > event.MaxOffset {
		return 0, errMalformed
	}
	return n, nil
}

func (e *Engine) appendCall(a *broker.Append) call {
	history := a.Policy.History
	size := history.Bytes
	if size == 0 {
		size = stream.DefaultBytes
	}
	limit := unlimited
	if history.Events > 0 {
		limit = strconv.Itoa(history.Events)
	}
	life := streamLife
	if history.Age > 0 {
		life = history.Age + ageReserve
	}
	latest := "0"
	if history.LatestPerID {
		latest = "1"
	}
	publish := "PUBLISH"
	if e.names.sharded {
		publish = "SPUBLISH"
	}
	c := e.call(a.Type)
	if a.Key != "" {
		c.keys = append(c.keys, e.names.idempotency(a.Type, a.Key))
	}
	c.args = append(c.args, limit, strconv.FormatInt(size, 10), ages(history), strconv.FormatInt(int64(life/time.Second), 10), latest,
		publish, e.names.channel(broker.Key{Kind: broker.Stream, Type: a.Type}), string(a.Data), a.ID)
	return c
}

// ages is how old events get, in milliseconds; 0 for any age.
func ages(history stream.History) string {
	return strconv.FormatInt(int64((history.Age+time.Millisecond-1)/time.Millisecond), 10)
}
