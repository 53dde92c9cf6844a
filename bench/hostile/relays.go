//go:build linux

package main

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/spokehub/spokehub/bench/server"
)

// crowdTopic is the number of the topic that crowds subscribe to.
const crowdTopic = 1

// fiveAtOnce is the time between two times five relays.
const fiveAtOnce = 3 * time.Second

// relayAttacks send events that others get.
var relayAttacks = []attack{
	{name: "largest-relays", about: "five of the largest events at once to the crowd, every 3 s", clients: 1, crowd: 1000, prepare: largestEvent, play: joined(relayFive)},
	{name: "large-relays", about: "five events of a MiB at once to the crowd, every 3 s", clients: 1, crowd: 1000, flags: []string{largeMessages[0], "--max-event=1MiB"}, prepare: largestMessage, play: joined(relayFive)},
	{name: "relay-flood", about: "events of a kilobyte to the crowd, as fast as can be", general: true, crowd: 50, prepare: kilobytes, play: flooding},
	{name: "relay-flood-large", about: "the largest events to the crowd, as fast as can be", crowd: 50, prepare: largestEvent, play: flooding},
}

// topicName is a topic that all servers understand.
func topicName(number int) string { return fmt.Sprintf("room:%08x", number) }

// eventTo is an envelope of so many bytes for such a topic.
func eventTo(number, size int) string {
	head := fmt.Sprintf(`{"type":"room","id":"%08x","payload":"`, number)
	return head + strings.Repeat("x", max(size-len(head)-len(`"}`), 0)) + `"}`
}

// relayedByDefault is about the size of the largest event that the hub passes on unless it is told otherwise.
const relayedByDefault = 60 << 10

func largestEvent(place) []byte { return server.Text(eventTo(crowdTopic, relayedByDefault)) }

// largestMessage fits into a message, and into a queue of the same length with what that needs besides.
func largestMessage(at place) []byte {
	return server.Text(eventTo(crowdTopic, at.Message-at.Message/16))
}

func kilobytes(place) []byte { return repeated(server.Text(eventTo(crowdTopic, 1024))) }

func relayFive(a *attacker, c *server.Conn) string {
	five := bytes.Repeat(a.frames, 5)
	for a.ctx.Err() == nil {
		if end := a.send(c, five); end != "" {
			return end
		}
		a.pause(fiveAtOnce)
	}
	return endOpen
}
