package nats

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/event"
)

const (
	// maxPage is how many events a page has at most, and pageBytes after how many bytes the servers end one.
	maxPage   = 1024
	pageBytes = 4 << 20
	// readers is how many pages may be under way.
	readers = 16
	// pageRounds is how often a page is read again that lacks what is there: the server that has answered was behind, or the events were
	// trimmed meanwhile.
	pageRounds = 5
	pageWait   = 20 * time.Millisecond
)

// pageCall waits for the messages of a page, and the message that ends it.
type pageCall struct {
	asked
	single   bool
	messages []*nats.Msg
}

func (p *pageCall) answer(m *nats.Msg) bool {
	if len(m.Data) == 0 && m.Header.Get("Status") != "" {
		return p.one.answer(m)
	}
	p.messages = append(p.messages, m)
	return p.single && p.one.answer(m)
}

// directGet asks for messages of a stream by whichever server has a copy.
type directGet struct {
	Sequence uint64 `json:"seq,omitempty"`
	Next     string `json:"next_by_subj,omitempty"`
	Last     string `json:"last_by_subj,omitempty"`
	Batch    int    `json:"batch,omitempty"`
	MaxBytes int    `json:"max_bytes,omitempty"`
	// NoHeaders spares headers, and with them the sequence of each message. Older servers don't know it.
	NoHeaders bool `json:"no_hdr,omitempty"`
}

func (e *Engine) get(stream string, get directGet) *pageCall {
	body, _ := json.Marshal(get)
	p := &pageCall{asked: asked{one: one{done: make(chan struct{})}}, single: get.Batch == 0}
	p.id = e.send(p, apiPrefix+"DIRECT.GET."+stream, body)
	return p
}

// page is what came for a page: the messages in order.
func (e *Engine) page(ctx context.Context, p *pageCall) ([]*nats.Msg, error) {
	_, err := e.wait(ctx, &p.asked)
	return p.messages, err
}

// givesBatches says whether a server of a version answers questions for several messages at once.
func givesBatches(version string) bool {
	major, rest, _ := strings.Cut(version, ".")
	minor, _, _ := strings.Cut(rest, ".")
	first, _ := strconv.Atoi(major)
	second, _ := strconv.Atoi(minor)
	return first > 2 || first == 2 && second >= 11
}

// Read reads a page, of up to 1,024 events and four megabytes, in one round trip if the servers have NATS 2.11 or newer. A stream that is not there
// is made, so that it has an epoch.
func (e *Engine) Read(ctx context.Context, q broker.Query) (broker.Page, error) {
	if err := e.begin(ctx); err != nil {
		return broker.Page{}, err
	}
	bound, cancel := e.bounded(ctx)
	defer cancel()
	select {
	case e.reading <- struct{}{}:
	case <-bound.Done():
		return broker.Page{}, e.explainCall(ctx, bound.Err())
	}
	defer func() { <-e.reading }()
	q.Events, q.After = max(1, min(q.Events, maxPage)), min(q.After, event.MaxOffset)
	s := e.streams.byType(q.Type)
	if q.Survivors {
		page, err := e.readSurvivors(bound, s, q)
		return page, e.explainCall(ctx, err)
	}
	page, err := e.readRow(bound, s, q)
	return page, e.explainCall(ctx, err)
}

// readRow reads events that are kept in a row.
func (e *Engine) readRow(ctx context.Context, s *sequence, q broker.Query) (broker.Page, error) {
	name := e.subjects.streamName(kindEvents, q.Type)
	for round := 0; ; round++ {
		var call *pageCall
		if e.link.batches.Load() {
			call = e.get(name, directGet{Sequence: q.After + 1, Batch: q.Events, MaxBytes: pageBytes, NoHeaders: q.After > 0 && round == 0})
		}
		got, err := e.where(ctx, s, q)
		if err != nil {
			return broker.Page{}, err
		}
		page := broker.Page{Epoch: s.epoch(), First: got.first(q.Policy), Top: got.State.Last}
		var messages []*nats.Msg
		if call != nil {
			if messages, err = e.page(ctx, call); err != nil {
				return broker.Page{}, err
			}
		}
		if len(messages) > 0 && messages[0].Header == nil {
			takeBare(&page, q.After, messages, sequenceOf(call.m.Header, nats.JSLastSequence))
		} else {
			take(&page, q.After, messages)
		}
		if len(page.Entries) > 0 || max(q.After+1, page.First) > page.Top {
			return page, nil
		}
		if call == nil || round > 1 {
			err = e.readFromLeader(ctx, name, q, &page)
		}
		if err != nil || len(page.Entries) > 0 || round == pageRounds {
			return page, err
		}
		if round > 0 && !pause(ctx, pageWait<<round) {
			return broker.Page{}, ctx.Err()
		}
	}
}

// where asks where a stream is. One that is not there is made.
func (e *Engine) where(ctx context.Context, s *sequence, q broker.Query) (*info, error) {
	name := e.subjects.streamName(kindEvents, q.Type)
	for {
		question := s.ask()
		got, err := e.call(ctx, "INFO", name, nil)
		if err != nil {
			return nil, err
		}
		if !got.missing() {
			e.noteOne(ctx, s, question, got)
			return got, nil
		}
		s.policy.Store(nil)
		if err = e.ensure(ctx, s, q.Policy); err != nil {
			return nil, err
		}
	}
}

// takeBare puts messages without headers into a page, if last, the sequence of the last one, shows that they are all those behind after.
func takeBare(page *broker.Page, after uint64, messages []*nats.Msg, last uint64) {
	if last-after != uint64(len(messages)) || after+1 < page.First {
		return
	}
	page.Entries = make([]broker.Entry, len(messages))
	for i, m := range messages {
		page.Entries[i] = broker.Entry{Offset: after + 1 + uint64(i), Data: m.Data}
	}
	page.Top = max(page.Top, last)
}

// sequenceOf is the sequence in a header, 0 if there is none.
func sequenceOf(header nats.Header, name string) uint64 {
	sequence, err := strconv.ParseUint(header.Get(name), 10, 64)
	if err != nil {
		return 0
	}
	return sequence
}

// take puts messages into a page, as far as they follow one another: where some are missing in between, the next page begins behind the hole.
func take(page *broker.Page, after uint64, messages []*nats.Msg) {
	if len(messages) > 0 {
		page.Entries = make([]broker.Entry, 0, len(messages))
	}
	for _, m := range messages {
		offset := sequenceOf(m.Header, nats.JSSequence)
		if offset <= after || offset < page.First {
			continue
		}
		if n := len(page.Entries); n > 0 && offset != page.Entries[n-1].Offset+1 {
			break
		}
		page.Entries = append(page.Entries, broker.Entry{Offset: offset, Data: m.Data})
	}
	if n := len(page.Entries); n > 0 {
		if first := page.Entries[0].Offset; first > after+1 {
			page.First = max(page.First, first)
		}
		page.Top = max(page.Top, page.Entries[n-1].Offset)
	}
}

// stored is a message as the leader of a stream gives it.
type stored struct {
	Error   *apiError `json:"error"`
	Message struct {
		Sequence uint64 `json:"seq"`
		Data     []byte `json:"data"`
	} `json:"message"`
}

// readFromLeader reads messages one by one, all asked for at once, from the server that leads the stream: for servers that don't answer several at
// once, and for those that answer before they have caught up. Those that the leader does not have are gone: the page begins behind them.
func (e *Engine) readFromLeader(ctx context.Context, name string, q broker.Query, page *broker.Page) error {
	from := max(q.After+1, page.First)
	until := min(page.Top, from+uint64(min(q.Events, window))-1)
	var questions []*asked
	for offset := from; offset <= until; offset++ {
		questions = append(questions, e.ask(apiPrefix+"STREAM.MSG.GET."+name, []byte(`{"seq":`+strconv.FormatUint(offset, 10)+`}`)))
	}
	var messages []*nats.Msg
	for i, question := range questions {
		m, err := e.wait(ctx, question)
		if err != nil {
			e.forget(questions[i+1:])
			return err
		}
		var s stored
		switch {
		case json.Unmarshal(m.Data, &s) != nil || s.Error == nil && s.Message.Sequence == 0:
			err = unavailable("the stream %s answers with something malformed", name)
		case s.Error != nil && s.Error.Code == codeMessageNotFound:
			continue
		case s.Error != nil:
			err = unavailable("%v", s.Error)
		}
		if err != nil {
			e.forget(questions[i+1:])
			return err
		}
		messages = append(messages, &nats.Msg{Header: nats.Header{nats.JSSequence: []string{strconv.FormatUint(s.Message.Sequence, 10)}}, Data: s.Message.Data})
	}
	if len(messages) == 0 {
		page.First = until + 1
	}
	take(page, q.After, messages)
	return nil
}

// forget gives up questions that have not been answered.
func (e *Engine) forget(questions []*asked) {
	for _, rest := range questions {
		e.calls.forget(rest.id)
	}
}
