package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"time"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/spoke"
)

// printer writes events, each in one line and with one write.
type printer struct {
	out   io.Writer
	json  bool
	color bool
	lagOf string
}

func newPrinter(out io.Writer, asJSON bool, lagOf string) printer {
	return printer{out: out, json: asJSON, lagOf: lagOf, color: !asJSON && isTerminal(out) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"}
}

// isTerminal reports whether w is a terminal, or another character device.
func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// printedEvent is an event as --json prints it.
type printedEvent struct {
	Time    string          `json:"time"`
	Lag     *float64        `json:"lag_ms,omitempty"`
	Type    string          `json:"type"`
	ID      string          `json:"id"`
	Payload json.RawMessage `json:"payload"`
	Offset  uint64          `json:"offset,omitempty"`
	Epoch   string          `json:"epoch,omitempty"`
}

// printedGap is a gap as --json prints it.
type printedGap struct {
	Time string `json:"time"`
	Gap  struct {
		Topic  string          `json:"topic"`
		Epoch  string          `json:"epoch,omitempty"`
		From   uint64          `json:"from,omitempty"`
		To     *uint64         `json:"to,omitempty"`
		Missed *int64          `json:"missed"`
		Reason event.GapReason `json:"reason"`
	} `json:"gap"`
}

// jsonTime is how --json prints a time.
const jsonTime = "2006-01-02T15:04:05.000000Z"

// print prints an event of an epoch, "" for none.
func (p printer) print(e event.Event, epoch string, now time.Time) error {
	lag, hasLag := p.lag(e.Payload, now)
	if p.json {
		line := printedEvent{Time: now.UTC().Format(jsonTime), Type: e.Type, ID: e.ID, Payload: e.Payload, Offset: e.Offset}
		if e.Offset > 0 {
			line.Epoch = epoch
		}
		if hasLag {
			ms := math.Round(float64(lag)/float64(time.Millisecond)*1000) / 1000
			line.Lag = &ms
		}
		return p.printJSON(line)
	}
	topic := e.Type
	if e.ID != "" {
		topic += ":" + e.ID
	}
	behind := ""
	if hasLag {
		behind = fmt.Sprintf("  (lag %v)", lag.Round(10*time.Microsecond))
	}
	format := "%s  %s  %s%s\n"
	if p.color {
		format = "\x1b[2m%s\x1b[0m  \x1b[36m%s\x1b[0m  %s\x1b[2m%s\x1b[0m\n"
	}
	_, err := fmt.Fprintf(p.out, format, now.Format("15:04:05.000"), topic, e.Payload, behind)
	return err
}

func (p printer) printJSON(line any) error {
	text, err := json.Marshal(line)
	if err != nil {
		return err
	}
	_, err = p.out.Write(append(text, '\n'))
	return err
}

// printGap prints a gap.
func (p printer) printGap(g event.Gap, now time.Time) error {
	if p.json {
		line := printedGap{Time: now.UTC().Format(jsonTime)}
		line.Gap.Topic, line.Gap.Epoch, line.Gap.From, line.Gap.Reason = g.Topic, g.Epoch, g.From, g.Reason
		if g.Epoch != "" {
			line.Gap.To = &g.To
		}
		if g.Missed >= 0 {
			line.Gap.Missed = &g.Missed
		}
		return p.printJSON(line)
	}
	missed := "nobody knows how many events are missing"
	if g.Missed >= 0 {
		missed = count(int(g.Missed), "event is missing", "events are missing")
	}
	if g.Reason == spoke.GapFresh {
		missed = "the stream has begun anew since, or the hub keeps nothing of this, so " + missed
	}
	if g.Reason == event.GapBroker {
		missed = "the hub was cut off from the other hubs, or their broker has lost events, so " + missed
	}
	if g.To > 0 {
		missed += fmt.Sprintf(", of %d to %d", g.From, g.To)
	}
	format := "%s  %s  gap: %s (%s)\n"
	if p.color {
		format = "\x1b[2m%s\x1b[0m  \x1b[36m%s\x1b[0m  \x1b[33mgap: %s (%s)\x1b[0m\n"
	}
	_, err := fmt.Fprintf(p.out, format, now.Format("15:04:05.000"), g.Topic, missed, g.Reason)
	return err
}

// lag is how long ago the payload was made, if it says when.
func (p printer) lag(payload []byte, now time.Time) (time.Duration, bool) {
	var members map[string]json.RawMessage
	if len(payload) == 0 || payload[0] != '{' || json.Unmarshal(payload, &members) != nil {
		return 0, false
	}
	made := members[p.lagOf]
	var ms float64
	if json.Unmarshal(made, &ms) == nil && ms > 1e11 && ms < 1e14 {
		return now.Sub(time.UnixMilli(0).Add(time.Duration(ms * float64(time.Millisecond)))), true
	}
	var text string
	if json.Unmarshal(made, &text) != nil {
		return 0, false
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	return now.Sub(at), err == nil
}
