package doctor

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

// columns is how wide a report is at most.
const columns = 80

// count writes a number with commas.
func count(n uint64) string {
	digits := strconv.FormatUint(n, 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// size writes a number of bytes with a unit.
func size(bytes uint64) string {
	value, units := float64(bytes), []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"}
	for len(units) > 1 && value >= 1024 {
		value, units = value/1024, units[1:]
	}
	return strconv.FormatFloat(value, 'f', decimals(value), 64) + " " + units[0]
}

// decimals are as many as make three digits, if the value has a fraction.
func decimals(value float64) int {
	if value >= 100 || value == float64(int64(value)) {
		return 0
	}
	return 1
}

// headline is the machine in a line.
func (m Machine) headline() string {
	text := "Linux " + m.Kernel + ", GOMAXPROCS " + strconv.Itoa(m.Process.Procs)
	if m.Quota > 0 {
		text += fmt.Sprintf(" (quota %.2f)", m.Quota)
	}
	text += ", " + size(m.Memory.Total) + " of memory, "
	if m.Memory.Swap == 0 {
		return text + "no swap"
	}
	return text + size(m.Memory.Swap) + " of swap"
}

// WriteText writes the report for people: the limit that is hit first comes first, and what raises those that are too low last.
func (r Report) WriteText(out io.Writer) error {
	var text strings.Builder
	fmt.Fprintf(&text, "%s\n\n%s\n\n", fold(r.Machine, ""), fold(r.verdict(), ""))
	name, spokes := len("limit"), len("no bound")
	for _, b := range r.Bounds {
		name, spokes = max(name, len(b.Name)), max(spokes, len(count(b.Spokes)))
	}
	row := func(mark, first, second, third string) {
		line := fmt.Sprintf("%-1s %*s  %-*s  ", mark, spokes, first, name, second)
		text.WriteString(strings.TrimRight(hang(line, third), " ") + "\n")
	}
	row("", "spokes", "limit", "now")
	for _, b := range r.Bounds {
		allowed, mark := count(b.Spokes), ""
		if b.Free {
			allowed = "no bound"
		}
		if b.Below {
			mark = "!"
		}
		row(mark, allowed, b.Name, b.Value)
	}
	r.writeNotes(&text)
	r.writeRemedies(&text)
	fmt.Fprintf(&text, "\n%s\n", fold(r.Constants.text(), ""))
	_, err := io.WriteString(out, text.String())
	return err
}

func (r Report) verdict() string {
	if r.First == "" {
		return "Nothing that can be read here limits the number of spokes."
	}
	if r.Enough {
		return fmt.Sprintf("%s of %s spokes: enough. %s is hit first.", count(r.Spokes), count(r.Wanted), r.First)
	}
	return fmt.Sprintf("%s of %s spokes: too few. %s is hit first.", count(r.Spokes), count(r.Wanted), r.First)
}

// writeNotes writes what bounds something else than the number of spokes.
func (r Report) writeNotes(text *strings.Builder) {
	name := 0
	for _, n := range r.Notes {
		name = max(name, len(n.Name))
	}
	text.WriteString("\nWhat bounds something else:\n\n")
	for _, n := range r.Notes {
		mark := ""
		if len(n.Remedies) > 0 {
			mark = "!"
		}
		fmt.Fprintf(text, "%-1s %-*s  %s\n%s\n", mark, name, n.Name, n.Value, fold(n.Meaning, "      "))
	}
}

// writeRemedies writes what raises limits: first what bounds the number of spokes.
func (r Report) writeRemedies(text *strings.Builder) {
	heading := fmt.Sprintf("\nTo have %s:\n", count(r.Wanted))
	write := func(name, why string, remedies []Remedy) {
		if len(remedies) == 0 {
			return
		}
		text.WriteString(heading + "\n  " + name + "\n")
		if why != "" {
			text.WriteString(fold(why, "    ") + "\n")
		}
		heading = ""
		for _, remedy := range remedies {
			text.WriteString(hang(fmt.Sprintf("      %-11s ", remedy.Where), remedy.What) + "\n")
		}
	}
	for _, b := range r.Bounds {
		write(b.Name, b.Why, b.Remedies)
	}
	for _, n := range r.Notes {
		write(n.Name, "", n.Remedies)
	}
}

func (c Constants) text() string {
	return fmt.Sprintf("An idle spoke is taken to need a descriptor, a watch, %s bytes of the process and %s of the kernel. docs/doctor.md has where the figures come from.",
		count(uint64(c.ProcessBytes)), count(uint64(c.KernelBytes)))
}

// hang writes text behind a head, and what does not fit below its beginning.
func hang(head, text string) string {
	indent := strings.Repeat(" ", min(len(head), columns/2))
	return head + strings.TrimPrefix(fold(text, indent), indent)
}

// fold breaks text into lines that fit, each behind an indent.
func fold(text, indent string) string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && len(indent)+len(line)+1+len(word) > columns {
			lines, line = append(lines, indent+line), ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return strings.Join(append(lines, indent+line), "\n")
}
