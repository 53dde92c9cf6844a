package fanout

import (
	"testing"
	"time"
)

func TestConfigDefaults(t *testing.T) {
	cfg, err := Config{}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ got, want any }{
		"QueueLimit, the threshold of backpressure": {cfg.QueueLimit, 1 << 20},
		"MaxMessage": {cfg.MaxMessage, 1 << 20},
		"MaxEvent, of which no burst fills a queue": {cfg.MaxEvent, 64 << 10},
		"MaxTopics":      {cfg.MaxTopics, 1024},
		"MaxHandshake":   {cfg.MaxHandshake, 16 << 10},
		"MessageTimeout": {cfg.MessageTimeout, time.Minute},
		"PingInterval":   {cfg.PingInterval, 25 * time.Second},
		"PeerTimeout":    {cfg.PeerTimeout, time.Minute},
		"CloseTimeout, longer than a client may stall": {cfg.CloseTimeout, 30 * time.Second},
		"MaxEventsPerSecond":                           {cfg.MaxEventsPerSecond, 0},
		"MaxBytesPerSecond":                            {cfg.MaxBytesPerSecond, 0},
		"MaxControlsPerSecond":                         {cfg.MaxControlsPerSecond, 0},
		"Relay":                                        {cfg.Relay, false},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %v, want %v", name, c.got, c.want)
		}
	}
}
