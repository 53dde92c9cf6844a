package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"
)

// topView is what spokehub top shows: the last answer, and whether there are more to come.
type topView struct {
	answer  *topAnswer
	samples []sample
	// away is why the hub does not answer, and awaySince when it was asked first and did not; "" and zero if it does.
	away      string
	awaySince time.Time
	paused    bool
	// restarted says that another process answers than the one before.
	restarted bool
	// chosen is the table that keys sort, and orders how each is sorted, by name.
	chosen string
	orders map[string]topOrder
}

// topLook is how words are drawn.
type topLook struct {
	title, soft, bad func(...string) string
}

var (
	plainLook    = topLook{title: joined, soft: joined, bad: joined}
	terminalLook = topLook{
		title: lipgloss.NewStyle().Bold(true).Foreground(lipgloss.Cyan).Render,
		soft:  lipgloss.NewStyle().Faint(true).Render,
		bad:   lipgloss.NewStyle().Bold(true).Foreground(lipgloss.Red).Render,
	}
)

func joined(words ...string) string { return strings.Join(words, " ") }

// since is the number of the last sample that is known.
func (v *topView) since() uint64 {
	if len(v.samples) == 0 {
		return 0
	}
	return v.samples[len(v.samples)-1].N
}

// take shows an answer. It reports that the hub has to be asked for all samples, since another process has answered.
func (v *topView) take(a *topAnswer) (again bool) {
	another := v.answer != nil && v.answer.Process.Instance != a.Process.Instance
	asked := v.since()
	if another {
		v.samples, v.restarted = nil, true
	}
	v.answer, v.away, v.awaySince = a, "", time.Time{}
	if again = another && asked > 0; !again {
		v.samples = append(v.samples, a.Samples...)
		v.samples = slices.Clone(v.samples[max(0, len(v.samples)-keptSamples):])
	}
	return again
}

// fail notes that the hub has not answered.
func (v *topView) fail(why string, now time.Time) {
	if v.away == "" {
		v.awaySince = now
	}
	v.away = why
}

// text draws all in lines of at most that width. A width or height of 0 is no limit.
func (v *topView) text(width, height int, look topLook) string {
	lines := v.header(width, look)
	if v.answer != nil {
		lines = append(lines, v.numbers(width, look)...)
		lines = append(lines, v.tables(height, height-1-len(lines), look)...)
	}
	if height > 0 {
		lines = append(lines[:min(len(lines), height-1)], look.soft("q quit  p pause  tab table  ←→ column  ↑↓ order"))
	}
	if width > 0 {
		for i, line := range lines {
			lines[i] = ansi.Truncate(line, width, "…")
		}
	}
	return strings.Join(lines, "\n")
}

// tables draws the lists. They begin with the chosen one if it would not end within the room otherwise.
func (v *topView) tables(height, room int, look topLook) []string {
	var lines []string
	begin := 0
	for _, table := range v.answer.lists {
		title := look.title(table.name)
		isChosen, before := height > 0 && table.name == v.table().name, len(lines)
		if isChosen {
			title += look.soft(" (the arrows sort it)")
		}
		rows := table.lines(v.orders[table.name], v.answer.Process.Now)
		lines = append(lines, "", title, look.soft(rows[0]))
		lines = append(lines, rows[1:]...)
		if isChosen && len(lines) > room {
			begin = before
		}
	}
	return lines[begin:]
}

// header is which hub this is, and what is wrong with it: that is told to its end, in as many lines of that width as it takes.
func (v *topView) header(width int, look topLook) []string {
	var lines []string
	if v.answer == nil {
		lines = []string{look.title("spokehub top")}
	} else {
		p := v.answer.Process
		words := []string{"spokehub " + printable(p.Version)}
		if p.Node != "" {
			words = append(words, "node "+printable(p.Node))
		}
		words = append(words, "up "+durationText(p.Uptime), fmt.Sprintf("%s, %s", printable(p.Engine), count(p.Reactors, "reactor", "reactors")))
		lines = []string{look.title(strings.Join(words, " · "))}
		if p.Unready != "" {
			lines = append(lines, inLines(look.bad, width, "No further clients should be sent here: "+printable(p.Unready))...)
		}
		if b := v.answer.Broker; b != nil && (!b.Up || b.Error != "" || b.Degraded != "") {
			lines = append(lines, inLines(look.bad, width, fmt.Sprintf("broker %s: %s", map[bool]string{true: "there", false: "away"}[b.Up], printable(joined(b.Error, b.Degraded))))...)
		}
	}
	switch {
	case v.away != "":
		lines = append(lines, inLines(look.bad, width, fmt.Sprintf("no answer since %s: %s", v.awaySince.Format(time.TimeOnly), printable(v.away)))...)
	case v.paused:
		lines = append(lines, look.soft("paused, p goes on"))
	case v.answer == nil:
		lines = append(lines, look.soft("asking"))
	case v.restarted && v.answer.Process.Uptime < 60:
		lines = append(lines, inLines(look.bad, width, "another process answers: the hub was restarted, and its counters began anew")...)
	}
	return lines
}

// inLines breaks a text into lines of at most that width, each of which has the look. A width of 0 is no limit.
func inLines(look func(...string) string, width int, text string) []string {
	if width > 0 {
		text = ansi.Wrap(text, width, "")
	}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = look(line)
	}
	return lines
}

func (v *topView) numbers(width int, look topLook) []string {
	a, last := v.answer, sample{}
	if len(v.samples) > 0 {
		last = v.samples[len(v.samples)-1]
	}
	of := ""
	if a.Process.Capacity > 0 {
		of = " of " + countText(float64(a.Process.Capacity))
	}
	lines := []string{
		"",
		fields("connections", countText(float64(a.Gauges["connections"]))+of, "accepted", rateText(last.Rates.Accepted), "ended", rateText(last.Rates.Disconnected)),
		fields("subscriptions", countText(float64(a.Gauges["subscriptions"])), "topics", countText(float64(a.Gauges["topics"])), "lagging", countText(float64(a.Queues.Lagging))),
		fields("events in", rateText(last.Rates.EventsIn), "published", rateText(last.Rates.Dispatched), "deliveries", rateText(last.Rates.Deliveries)),
		fields("sent", byteText(last.Rates.BytesOut)+"/s", "received", byteText(last.Rates.BytesIn)+"/s", "delivered", rateText(last.Rates.Delivered)),
		fields("queued", byteText(float64(a.Queues.Bytes)), "in events", countText(float64(a.Queues.Events)), "on the way", byteText(float64(a.Queues.WaitingBytes))),
		fields("full sockets", countText(float64(a.Queues.Blocked)), "throttled", countText(float64(a.Queues.Throttled)), "", ""),
	}
	if drops := last.Drops.text(); drops != "" {
		lines = append(lines, look.bad("drops          "+drops))
	} else {
		lines = append(lines, "drops          none")
	}
	lines = append(lines, "memory         "+memoryText(a.Memory))
	if spark := sparkline(v.samples, max(1, min(60, width-35))); spark != "" {
		lines = append(lines, "deliveries/s   "+spark)
	}
	return lines
}

// fields are three pairs of a name and a value.
func fields(pairs ...string) string {
	return strings.TrimRight(fmt.Sprintf("%-14s %-18s %-11s %-14s %-11s %s", pairs[0], pairs[1], pairs[2], pairs[3], pairs[4], pairs[5]), " ")
}

// text is the reasons that there are drops for, "" if there are none.
func (d sampleDrops) text() string {
	var words []string
	for _, drop := range []struct {
		reason string
		rate   float64
	}{{"backpressure", d.Backpressure}, {"closed", d.Closed}, {"budget", d.Budget}, {"trimmed", d.Trimmed}, {"superseded", d.Superseded}, {"skipped", d.Skipped}} {
		if drop.rate > 0 {
			words = append(words, drop.reason+" "+rateText(drop.rate))
		}
	}
	return strings.Join(words, ", ")
}

func memoryText(m statusMemory) string {
	text := byteText(float64(m.Total))
	if m.Budget > 0 {
		text += fmt.Sprintf(" of %s (%.0f %%)", byteText(float64(m.Budget)), 100*float64(m.Total)/float64(m.Budget))
	}
	for _, kind := range m.Kinds {
		if kind.Bytes > 0 {
			text += fmt.Sprintf("  %s %s", printable(kind.Kind), byteText(float64(kind.Bytes)))
		}
	}
	return text
}

// sparkline is the deliveries of the last samples, the newest at the right.
func sparkline(samples []sample, width int) string {
	samples = samples[max(0, len(samples)-width):]
	most := 0.0
	for _, s := range samples {
		most = max(most, s.Rates.Deliveries)
	}
	if most == 0 {
		return ""
	}
	levels := []rune("▁▂▃▄▅▆▇█")
	var drawn strings.Builder
	for _, s := range samples {
		drawn.WriteRune(levels[int(s.Rates.Deliveries/most*float64(len(levels)-1))])
	}
	return fmt.Sprintf("%s  %s at most", drawn.String(), rateText(most))
}

func byteText(n float64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	unit := 0
	for ; n >= 1024 && unit < len(units)-1; unit++ {
		n /= 1024
	}
	if unit > 0 && n < 100 {
		return fmt.Sprintf("%.1f %s", n, units[unit])
	}
	return fmt.Sprintf("%.0f %s", n, units[unit])
}

func countText(n float64) string {
	if n != float64(int64(n)) && n < 10 {
		return fmt.Sprintf("%.1f", n)
	}
	text := fmt.Sprintf("%.0f", n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

func rateText(n float64) string { return countText(n) + "/s" }

func durationText(seconds float64) string {
	return (time.Duration(seconds) * time.Second).String()
}
