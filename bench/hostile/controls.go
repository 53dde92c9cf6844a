//go:build linux

package main

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/spokehub/spokehub/bench/server"
)

// The limits of the protocol that attacks go up to.
const (
	topicsAtMost = 1024
	partAtMost   = 256
)

// largeMessages is the hub's flag for messages of a MiB, whatever its default is.
var largeMessages = []string{"--max-message=1MiB", "--queue-limit=4MiB"}

// controlAttacks send control events.
var controlAttacks = []attack{
	{name: "acks", about: "subscriptions that ask for an answer, never reading", prepare: askedFor, play: flooding},
	{name: "rejects", about: "a thousand bad topics a message that ask for an answer each, never reading", prepare: badTopics, play: flooding},
	{name: "topic-churn", about: "one topic of its own, subscribed and unsubscribed as fast as can be", play: joined(churnTopic)},
	{name: "many-topics", about: "a __subscribe as long as a message may be, with ever shorter topics", flags: largeMessages, prepare: shortTopics, play: flooding},
	{name: "many-topics-acked", about: "the same, asking for an answer, never reading", flags: largeMessages, prepare: shortTopicsAsked, play: flooding},
	{name: "long-topics", about: "1,024 topics of 513 bytes, subscribed and unsubscribed", play: joined(churnLongTopics)},
	{name: "escaped-topics", about: "1,024 topics of escapes alone, subscribed and unsubscribed", prepare: escapedTopics, play: flooding},
	{name: "unknown-controls", about: "control events that don't exist", prepare: unknownControls, play: flooding},
}

func askedFor(place) []byte { return repeated(server.Subscribe("tick:1")) }

func badTopics(place) []byte { return repeated(server.Text(badTopicsMessage())) }

// badTopicsMessage asks for answers that are a hundred times as long.
func badTopicsMessage() string {
	id, topics := strings.Repeat("i", partAtMost), strings.Repeat(`,""`, 1000)[1:]
	return controlMessage("__subscribe", id, topics)
}

func unknownControls(place) []byte { return repeated(server.Text(`{"type":"__x"}`)) }

func churnTopic(a *attacker, c *server.Conn) string {
	topic := []string{fmt.Sprintf("churn:%d", a.number)}
	return a.flood(c, repeated(control("__subscribe", "", topic), control("__unsubscribe", "", topic)))
}

func shortTopics(at place) []byte { return topicsOfLength(at.Message, "") }

func shortTopicsAsked(at place) []byte { return topicsOfLength(at.Message, "a") }

// topicsOfLength fills a message with as many topics as it holds.
func topicsOfLength(size int, id string) []byte {
	var list bytes.Buffer
	room := size - len(controlMessage("__subscribe", id, ""))
	for number := 0; ; number++ {
		one := fmt.Sprintf(`,"%04x"`, number)
		if list.Len()+len(one) > room {
			break
		}
		list.WriteString(one)
	}
	return server.Text(controlMessage("__subscribe", id, list.String()[1:]))
}

func churnLongTopics(a *attacker, c *server.Conn) string {
	topics := longTopics(a.number)
	return a.flood(c, append(controlsFor("__subscribe", "", topics, a.place.Message), controlsFor("__unsubscribe", "", topics, a.place.Message)...))
}

// longTopics are as many and as long as the protocol allows, different for each number.
func longTopics(number int) (topics []string) {
	for i := range topicsAtMost {
		topic := fmt.Sprintf("t%d.%d", number, i)
		topics = append(topics, topic+strings.Repeat("t", partAtMost-len(topic))+":"+strings.Repeat("i", partAtMost))
	}
	return topics
}

// controlsFor are control events for these topics, in as few messages as their length allows.
func controlsFor(name, id string, topics []string, message int) (frames []byte) {
	for len(topics) > 0 {
		size, count := len(controlMessage(name, id, "")), 0
		for count < len(topics) && size+len(topics[count])+3 <= message {
			size += len(topics[count]) + 3
			count++
		}
		frames = append(frames, control(name, id, topics[:count])...)
		topics = topics[count:]
	}
	return frames
}

func escapedTopics(place) []byte {
	var topics []string
	for number := range topicsAtMost {
		topics = append(topics, `"`+escaped(fmt.Sprintf("%04x", number))+`"`)
	}
	list := strings.Join(topics, ",")
	return append(server.Text(controlMessage("__subscribe", "", list)), server.Text(controlMessage("__unsubscribe", "", list))...)
}

// control is a frame with a control event; an id asks for an answer.
func control(name, id string, topics []string) []byte {
	return server.Text(controlMessage(name, id, `"`+strings.Join(topics, `","`)+`"`))
}

func controlMessage(name, id, list string) string {
	return fmt.Sprintf(`{"type":%q,"id":%q,"payload":{"topics":[%s]}}`, name, id, list)
}

// escaped writes every character as an escape.
func escaped(text string) string {
	var b strings.Builder
	for _, c := range text {
		fmt.Fprintf(&b, `\u%04x`, c)
	}
	return b.String()
}
