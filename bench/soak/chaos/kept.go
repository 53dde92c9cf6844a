//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const (
	// orderType has a stream of which nothing is trimmed, quoteType one that keeps so little that who comes back finds a gap.
	orderType = "order"
	quoteType = "quote"
	// orders and quotes are how many ids each has.
	orders = 10
	quotes = 5
	// authors is one in how many clients publish to each of the two.
	authors = 10
	// authorTurns is of how many turns of the voices they use one.
	authorTurns = 16
)

// keptTypes are the types that have a stream.
var keptTypes = []string{orderType, quoteType}

// policies has the hub keep them.
const policies = `topics:
  - match: order
    history: {events: 1000000, bytes: 256MiB}
    behind: catch-up
  - match: quote
    history: {events: 3}
    behind: catch-up
`

// writePolicies writes the file that a hub reads them from.
func writePolicies(directory string) (file string, err error) {
	file = filepath.Join(directory, "chaos.yaml")
	if err := os.WriteFile(file, []byte(policies), 0o600); err != nil {
		return "", fmt.Errorf("write the policies of streams: %w", err)
	}
	return file, nil
}

// isKept tells whether a topic is of a stream.
func isKept(topic string) bool {
	kind, _, _ := strings.Cut(topic, ":")
	return kind == orderType || kind == quoteType
}

// keptTopicsOf lists the topics of streams that a client subscribes to. Some hold a type, with one of its ids or without, the others an id of each.
func keptTopicsOf(client int) []string {
	order, quote := fmt.Sprintf("%s:%d", orderType, client%orders), fmt.Sprintf("%s:%d", quoteType, client%quotes)
	switch client % 10 {
	case 1:
		return []string{orderType, order, quote}
	case 2:
		return []string{quoteType, quote, order}
	case 6:
		return []string{orderType, quote}
	case 7:
		return []string{quoteType, order}
	default:
		return []string{order, quote}
	}
}

// authorTopic is the topic of a stream that a client publishes to, empty if it doesn't. It holds it, too, so its own events come back to it.
func authorTopic(client int) string {
	switch client % authors {
	case 3:
		return keptTopicsOf(client)[0]
	case 8:
		return keptTopicsOf(client)[1]
	default:
		return ""
	}
}
