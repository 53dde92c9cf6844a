package redis

import (
	"context"
	"fmt"

	"github.com/redis/rueidis"

	"github.com/spokehub/spokehub/broker"
)

// Publish sends messages, in order, and returns when Redis has taken them. The bytes are copied. What is too long is left out, and the rest is sent.
func (e *Engine) Publish(ctx context.Context, messages []broker.Message) error {
	s, err := e.current()
	if err != nil {
		return err
	}
	commands := make([]rueidis.Completed, 0, len(messages))
	var long error
	for i := range messages {
		if err := s.tooLong(messages[i].Data); err != nil {
			long = fmt.Errorf("%v: %w", messages[i].Key, err)
			continue
		}
		commands = e.appendPublish(commands, s, &messages[i])
	}
	if len(commands) == 0 {
		return long
	}
	bounded, cancel := context.WithTimeout(ctx, e.config.Limits.Timeout)
	defer cancel()
	for _, result := range s.client.DoMulti(bounded, commands...) {
		if failed := failure(ctx, result.Error()); failed != nil {
			return failed
		}
	}
	return long
}

// Longest is Limits.Message, or what a server that the engine is connected to takes, if that is less.
func (e *Engine) Longest() int { return int(e.status.longest.Load()) }

func (e *Engine) appendPublish(commands []rueidis.Completed, s *session, m *broker.Message) []rueidis.Completed {
	data := string(m.Data)
	commands = append(commands, e.publish(s, m.Key, data))
	if m.Key.Kind == broker.Plain && m.Key.ID != "" {
		commands = append(commands, e.publish(s, broker.Key{Type: m.Key.Type}, data))
	}
	return commands
}

func (e *Engine) publish(s *session, key broker.Key, data string) rueidis.Completed {
	if e.names.sharded {
		return s.client.B().Spublish().Channel(e.names.channel(key)).Message(data).Build()
	}
	return s.client.B().Publish().Channel(e.names.channel(key)).Message(data).Build()
}

// tooLong is nil if a message can be sent.
func (s *session) tooLong(data []byte) error {
	if len(data) > s.longest {
		return fmt.Errorf("%w: %d bytes, and at most %d fit: send less, or raise proto-max-bulk-len of Redis", broker.ErrTooLong, len(data), s.longest)
	}
	return nil
}
