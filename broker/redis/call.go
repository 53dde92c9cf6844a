package redis

import (
	"context"
	"strconv"

	"github.com/redis/rueidis"
)

// call is what a script is called with.
type call struct{ keys, args []string }

// call returns the beginning of one: the keys of a stream, a new epoch in case that one is needed, and what this engine has seen of it.
func (e *Engine) call(typ string) call {
	k := e.names.keys(typ)
	seen := e.seen.of(typ)
	c := call{keys: make([]string, 0, 5), args: make([]string, 0, 12)}
	c.keys = append(c.keys, k.meta, k.row, k.order, k.newest)
	c.args = append(c.args, e.epochs.next(), seen.Epoch, strconv.FormatUint(seen.Offset, 10))
	return c
}

// run runs a script several times, in one go. A server that does not know the script, as after a failover, has not run it, and gets its text.
func (e *Engine) run(ctx context.Context, s *session, what script, count int, prepare func(i int) call) []rueidis.RedisResult {
	bounded, cancel := context.WithTimeout(ctx, e.config.Limits.Timeout)
	defer cancel()
	commands := make([]rueidis.Completed, 0, count)
	for i := range count {
		c := prepare(i)
		commands = append(commands, s.client.B().Evalsha().Sha1(what.sha).Numkeys(int64(len(c.keys))).Key(c.keys...).Arg(c.args...).Build())
	}
	results := s.client.DoMulti(bounded, commands...)
	var again []int
	commands = commands[:0]
	for i, result := range results {
		if isNoScript(result.Error()) {
			c := prepare(i)
			again = append(again, i)
			commands = append(commands, s.client.B().Eval().Script(what.text).Numkeys(int64(len(c.keys))).Key(c.keys...).Arg(c.args...).Build())
		}
	}
	if len(again) > 0 {
		for i, result := range s.client.DoMulti(bounded, commands...) {
			results[again[i]] = result
		}
	}
	return results
}
