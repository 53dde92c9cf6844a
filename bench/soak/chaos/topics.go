//go:build linux

package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

const (
	rooms  = 20
	prices = 50
	news   = 5
	rares  = 40
	// raresOfOne is how many rare topics each client holds, whose count is prime to rareStep.
	raresOfOne = 10
	rareStep   = 7
	// newsReaders is one in how many clients hold news, voices is one in how many publish.
	newsReaders = 5
	voices      = 10
)

// strands are what the publisher sends to, as type:id or type; the index is the strand's number. Those from keptStrands on are of types that
// have a stream.
var (
	strands     = makeStrands()
	keptStrands = 1 + rooms + prices + news + rares
)

// strandNumbers finds a strand by its name.
var strandNumbers = func() map[string]int {
	numbers := map[string]int{}
	for number, name := range strands {
		numbers[name] = number
	}
	return numbers
}()

func makeStrands() []string {
	names := []string{"tick"}
	for _, many := range []struct {
		name  string
		count int
	}{{"room", rooms}, {"price", prices}, {"news", news}, {"rare", rares}, {orderType, orders}, {quoteType, quotes}} {
		for id := range many.count {
			names = append(names, fmt.Sprintf("%s:%d", many.name, id))
		}
	}
	return names
}

// topicsOf lists what a client subscribes to. One that holds news also holds one of its ids, and gets one copy.
func topicsOf(client int) []string {
	topics := []string{"tick", fmt.Sprintf("room:%d", client%rooms), fmt.Sprintf("price:%d", client%prices)}
	if client%newsReaders == 0 {
		topics = append(topics, "news", fmt.Sprintf("news:%d", client/newsReaders%news))
	}
	for i := range raresOfOne {
		topics = append(topics, fmt.Sprintf("rare:%d", (client+rareStep*i)%rares))
	}
	if heard := client - 1; heard >= 0 && isVoice(heard) {
		topics = append(topics, voiceTopic(heard))
	}
	return append(topics, keptTopicsOf(client)...)
}

// isVoice tells whether a client publishes; the next client hears it, if there is one.
func isVoice(client int) bool { return client%voices == 0 }

func voiceTopic(client int) string { return fmt.Sprintf("voice:%d", client) }

// voiceOf is the client whose voice an event is.
func voiceOf(name string) (client int, ok bool) {
	id, ok := strings.CutPrefix(name, "voice:")
	if !ok {
		return 0, false
	}
	client, err := strconv.Atoi(id)
	return client, err == nil
}

// speechTopic is the topic that a client publishes to, empty if it doesn't.
func speechTopic(client int) string {
	if isVoice(client) {
		return voiceTopic(client)
	}
	return authorTopic(client)
}

// strandsOf lists the strands that subscriptions match, in order, but for those of streams.
func strandsOf(topics []string) (numbers []int) {
	for number, name := range strands[:keptStrands] {
		kind, _, _ := strings.Cut(name, ":")
		if slices.Contains(topics, name) || slices.Contains(topics, kind) {
			numbers = append(numbers, number)
		}
	}
	return numbers
}

// isShadowed tells whether a client that holds this topic also holds its whole type, and so hears each event under both names. Topics of streams
// are judged each by itself.
func isShadowed(topic string, topics []string) bool {
	kind, _, hasID := strings.Cut(topic, ":")
	return hasID && !isKept(topic) && slices.Contains(topics, kind)
}
