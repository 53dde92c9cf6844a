package redis

import (
	"context"
	"slices"
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

// run runs a script several times, in one go. A server that does not know the script, as after a restart or a failover, has not run it, and gets its text.
// Where calls have to be in order, of says what each is about, and a call that was overtaken by one about the same keeps the error; otherwise of is nil.
func (e *Engine) run(ctx context.Context, s *session, what script, count int, prepare func(i int) call, of func(i int) string) []rueidis.RedisResult {
	bounded, cancel := context.WithTimeout(ctx, e.config.Limits.Timeout)
	defer cancel()
	commands := make([]rueidis.Completed, 0, count)
	for i := range count {
		c := prepare(i)
		commands = append(commands, s.client.B().Evalsha().Sha1(what.sha).Numkeys(int64(len(c.keys))).Key(c.keys...).Arg(c.args...).Build())
	}
	results := s.client.DoMulti(bounded, commands...)
	again := unknown(results, of)
	if len(again) == 0 {
		return results
	}
	commands = commands[:0]
	for _, i := range again {
		c := prepare(i)
		commands = append(commands, s.client.B().Eval().Script(what.text).Numkeys(int64(len(c.keys))).Key(c.keys...).Arg(c.args...).Build())
	}
	for i, result := range s.client.DoMulti(bounded, commands...) {
		results[again[i]] = result
	}
	return results
}

// unknown are the calls that can be made again, in order, since the server did not know the script. If of is not nil, those are left out that have a call
// about the same behind them which the server may have run, as it does once another hub has given it the script in between: they would come behind
// that. An error does not say that a script has changed nothing, unless it is this one.
func unknown(results []rueidis.RedisResult, of func(i int) string) (again []int) {
	if !slices.ContainsFunc(results, func(r rueidis.RedisResult) bool { return isNoScript(r.Error()) }) {
		return nil
	}
	overtakes := map[string]bool{}
	for i, result := range slices.Backward(results) {
		switch {
		case !isNoScript(result.Error()):
			if of != nil {
				overtakes[of(i)] = true
			}
		case of == nil || !overtakes[of(i)]:
			again = append(again, i)
		}
	}
	slices.Reverse(again)
	return again
}
