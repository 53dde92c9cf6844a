package fanout_test

import (
	"testing"
	"time"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

func TestKindsOfControlsRejectsAndDisconnections(t *testing.T) {
	t.Parallel()
	h := newTestHub(t, fanout.Config{MaxTopics: 3, CloseTimeout: 200 * time.Millisecond})
	c, _ := h.join()
	c.subscribe("a", "b")
	c.unsubscribe("b")
	c.text(`{"type":"__subscribe","id":"1","payload":{"topics":["a:"]}}`)
	c.wants(`{"type":"__reject","id":"1","payload":{"topic":"a:","reason":"invalid_topic"}}`)
	c.text(`{"type":"__subscribe","payload":{"topics":["1","2","3","4"]}}`, `{"type":"__other"}`)
	c.sync()
	k := h.hub.Stats().Kinds
	if k.Controls[event.Subscribe] < 3 || k.Controls[event.Unsubscribe] != 1 || k.Controls[event.UnknownControl] != 1 {
		t.Errorf("got the control events %v, want three that subscribe at the least, one that unsubscribes and an unknown one", k.Controls)
	}
	if k.Rejects[event.InvalidTopic] != 1 || k.Rejects[event.Limit] != 1 || len(k.Rejects) != 2 {
		t.Errorf("got the rejects %v, want one for an invalid topic, and one for the limit that nobody was told of", k.Rejects)
	}
	_, closed := h.join()
	closed.Close(1000, "")
	c.conn.Close()
	receive(t, h.gone, "an end")
	receive(t, h.gone, "another end")
	if got := h.hub.Stats().Kinds.Disconnections; got[fanout.CauseClosed] != 1 || got[fanout.CausePeerGone] != 1 || len(got) != 2 {
		t.Errorf("got the disconnections %v, want one that was closed and one whose peer is gone", got)
	}
	h.shutdown()
	h.hub.Stats().Kinds.Rejects[event.Limit] = 99
	expect(t, "rejects after Shutdown", h.hub.Stats().Kinds.Rejects[event.Limit], 1)
}

func TestKindsOfLogLinesThatAreSuppressed(t *testing.T) {
	t.Parallel()
	h := newTestHub(t, fanout.Config{})
	c, _ := h.join()
	const lines = 200
	for range lines {
		c.text("x")
	}
	c.sync()
	written := h.log.count("DEBUG", "malformed message dropped")
	got, all := h.hub.Stats().Kinds.LogSuppressed, uint64(0)
	for _, n := range got {
		all += n
	}
	if got["malformed"] != uint64(lines-written) || written == lines || all != got["malformed"] {
		t.Errorf("got %v suppressed with %d written, want what is left of %d", got, written, lines)
	}
}
