package redis

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/redis/rueidis"

	"github.com/spokehub/spokehub/broker"
)

// advice has what to do about answers of Redis, by their first word.
var advice = map[string]string{
	"OOM":         "Redis is out of memory: raise maxmemory, or keep less",
	"READONLY":    "this Redis is a replica: give the address of the primary, or of the sentinels with redis-sentinel://",
	"LOADING":     "Redis is loading its data, which it does after a start",
	"NOAUTH":      "Redis wants a password: put it into the URL, as in redis://:password@host",
	"WRONGPASS":   "Redis does not know the user, or the password is wrong: correct those in the URL",
	"NOPERM":      "Redis does not permit this to the user: give it the commands, keys and channels of the prefix",
	"MASTERDOWN":  "this Redis is a replica that has lost its primary",
	"CLUSTERDOWN": "the Redis cluster does not cover all slots at present",
	"MISCONF":     "Redis takes no writes since it could not save to disk: see its log",
	"NOREPLICAS":  "Redis takes no writes since it has too few replicas (min-replicas-to-write)",
	"TRYAGAIN":    "the slot is being moved to another node of the Redis cluster",
	"BUSY":        "Redis is busy with a script",
	"NOSCRIPT": "Redis has begun anew and did not know the script, and a later event of the type was taken before this one could be sent again, so " +
		"it was not appended: publish it again if it may come behind that one",
}

// unavailable wraps a reason in broker.ErrUnavailable.
func unavailable(reason error) error {
	if errors.Is(reason, broker.ErrUnavailable) {
		return reason
	}
	return fmt.Errorf("%w: %w", broker.ErrUnavailable, reason)
}

// failure is what a command has failed with, as those who call the engine get it. It is nil if the command has not.
func failure(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if cause := ctx.Err(); cause != nil {
		return fmt.Errorf("wait for Redis: %w", cause)
	}
	return unavailable(explain(err))
}

// explain adds to an error of the library what to do.
func explain(err error) error {
	answer, isAnswer := rueidis.IsRedisErr(err)
	switch {
	case errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded):
		return errors.New("no answer from Redis in time: it is frozen, overloaded, or the network is")
	case errors.Is(err, rueidis.ErrClosing):
		return errors.New("the connection to Redis was closed")
	case !isAnswer:
		return fmt.Errorf("no connection to Redis: %w", err)
	}
	word, _, _ := strings.Cut(answer.Error(), " ")
	if text := advice[word]; text != "" {
		return fmt.Errorf("%s (%w)", text, err)
	}
	if strings.Contains(answer.Error(), "READONLY") {
		return fmt.Errorf("%s (%w)", advice["READONLY"], err)
	}
	if strings.Contains(answer.Error(), "OOM ") {
		return fmt.Errorf("%s (%w)", advice["OOM"], err)
	}
	return fmt.Errorf("Redis answered: %w", err)
}

// isReadOnly says whether a replica has refused to write.
func isReadOnly(err error) bool {
	answer, isAnswer := rueidis.IsRedisErr(err)
	return isAnswer && strings.Contains(answer.Error(), "READONLY")
}

// isNoScript says whether a server does not know a script, which it then has not run.
func isNoScript(err error) bool {
	answer, isAnswer := rueidis.IsRedisErr(err)
	return isAnswer && answer.IsNoScript()
}
