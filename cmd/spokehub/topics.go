package main

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// topicsAnswer is what GET /topics answers.
type topicsAnswer struct {
	Node   string        `json:"node"`
	Topics []topicAnswer `json:"topics"`
	// Next is what "after" takes to go on, empty at the end.
	Next string `json:"next,omitempty"`
}

type topicAnswer struct {
	Topic       string `json:"topic"`
	Subscribers int    `json:"subscribers"`
}

// topicQuery is what is asked for.
type topicQuery struct {
	prefix string
	limit  int
	// byName says that topics come by their names, and not those with most subscribers first.
	byName bool
	// after is the last topic that is not wanted any more, nil to begin.
	after *topicAnswer
}

// compare is the order of the query.
func (q *topicQuery) compare(a, b topicAnswer) int {
	if q.byName {
		return strings.Compare(a.Topic, b.Topic)
	}
	return cmp.Or(cmp.Compare(b.Subscribers, a.Subscribers), strings.Compare(a.Topic, b.Topic))
}

// topics answers GET /topics.
func (i *inspector) topics(r *http.Request) (any, error) {
	query, err := topicQueryOf(r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	bytes := int64(query.limit) * inspectedBytes
	if !i.hub.Reserve(bytes) {
		return nil, errInspectMemory
	}
	defer i.hub.Unreserve(bytes)
	answer := topicsAnswer{Node: i.node, Topics: make([]topicAnswer, 0, 2*query.limit)}
	isMore := false
	cut := func() {
		slices.SortFunc(answer.Topics, query.compare)
		isMore = isMore || len(answer.Topics) > query.limit
		answer.Topics = answer.Topics[:min(len(answer.Topics), query.limit)]
	}
	for name, subscribers := range i.hub.Topics() {
		topic := topicAnswer{Topic: name, Subscribers: subscribers}
		if !strings.HasPrefix(name, query.prefix) || query.after != nil && query.compare(topic, *query.after) <= 0 {
			continue
		}
		if answer.Topics = append(answer.Topics, topic); len(answer.Topics) == 2*query.limit {
			cut()
		}
	}
	cut()
	if last := len(answer.Topics) - 1; isMore {
		answer.Next = fmt.Sprintf("%d.%s", answer.Topics[last].Subscribers, answer.Topics[last].Topic)
	}
	return answer, nil
}

func topicQueryOf(text string) (q topicQuery, err error) {
	values, err := inspectQuery(text, "prefix", "sort", "limit", "after")
	if err != nil {
		return q, err
	}
	switch order := values.Get("sort"); order {
	case "", "subscribers":
	case "name":
		q.byName = true
	default:
		return q, fmt.Errorf("sort: unknown order %q: there are subscribers, name", order)
	}
	if values.Has("after") {
		count, name, isPlace := strings.Cut(values.Get("after"), ".")
		subscribers, err := strconv.Atoi(count)
		if !isPlace || err != nil {
			return q, fmt.Errorf(`after: want "next" of an answer as it is, and got %q`, values.Get("after"))
		}
		q.after = &topicAnswer{Topic: name, Subscribers: subscribers}
	}
	q.prefix = values.Get("prefix")
	q.limit, err = inspectLimit(values)
	return q, err
}
