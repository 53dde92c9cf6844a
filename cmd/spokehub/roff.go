package main

import "strings"

var roffEscapes = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "^", `\(ha`, "~", `\(ti`, "`", `\(ga`)

// roff is text as manual pages have it: nothing in it means anything to troff.
func roff(text string) string {
	lines := strings.Split(roffEscapes.Replace(text), "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".") {
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}

// maxSourceLine is how long a line of a page's source may be.
const maxSourceLine = 79

// prose is text that troff fills, in lines that are not too long for its source.
func prose(text string) string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		word = roffEscapes.Replace(word)
		if line != "" && len(line)+1+len(word) > maxSourceLine {
			lines, line = append(lines, line), ""
		}
		switch {
		case line == "" && strings.HasPrefix(word, "."):
			line = `\&` + word
		case line == "":
			line = word
		default:
			line += " " + word
		}
	}
	return strings.Join(append(lines, line), "\n")
}

// manDetail writes what --help prints ahead of the flags: paragraphs, and behind four spaces commands as they are.
func manDetail(text *strings.Builder, detail string) {
	verbatim := false
	end := func() {
		if verbatim {
			text.WriteString(".EE\n.RE\n")
		}
		verbatim = false
	}
	for paragraph := range strings.SplitSeq(strings.Trim(detail, "\n"), "\n\n") {
		if strings.TrimSpace(paragraph) == "" {
			continue
		}
		if !strings.HasPrefix(paragraph, "    ") {
			end()
			text.WriteString(".PP\n" + prose(paragraph) + "\n")
			continue
		}
		if !verbatim {
			text.WriteString(".PP\n.RS 4\n.EX\n")
		}
		verbatim = true
		for line := range strings.SplitSeq(strings.TrimRight(paragraph, "\n"), "\n") {
			text.WriteString(roff(strings.TrimPrefix(line, "    ")) + "\n")
		}
	}
	end()
}
