package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/charmbracelet/x/ansi"
)

// topTable is a list of objects of JSON, with a column for each member that one has, in the order in which they come.
type topTable struct {
	name    string
	columns []string
	rows    []map[string]any
}

// readTable reads a list of objects. Nothing at all is an empty one.
func readTable(name string, text json.RawMessage) (topTable, error) {
	table := topTable{name: name}
	if len(text) == 0 {
		return table, nil
	}
	var rows []json.RawMessage
	if err := json.Unmarshal(text, &rows); err != nil {
		return table, err
	}
	for _, text := range rows {
		row, err := table.readRow(text)
		if err != nil {
			return table, err
		}
		table.rows = append(table.rows, row)
	}
	return table, nil
}

func (t *topTable) readRow(text json.RawMessage) (map[string]any, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	if start, err := decoder.Token(); err != nil || start != json.Delim('{') {
		return nil, fmt.Errorf("got %.40q, want an object", text)
	}
	row := map[string]any{}
	for decoder.More() {
		token, err := decoder.Token()
		if err != nil {
			return nil, err
		}
		var value any
		if err := decoder.Decode(&value); err != nil {
			return nil, err
		}
		column := token.(string)
		row[column] = value
		if !slices.Contains(t.columns, column) {
			t.columns = append(t.columns, column)
		}
	}
	return row, nil
}

// topOrder is how a table is sorted. A column of "" leaves it as the hub has told it.
type topOrder struct {
	column   string
	reversed bool
}

// sorted orders the rows: numbers from the largest down, texts from a to z, or the other way around.
func (t *topTable) sorted(order topOrder) []map[string]any {
	rows := slices.Clone(t.rows)
	if order.column == "" {
		return rows
	}
	slices.SortStableFunc(rows, func(a, b map[string]any) int {
		result := compareCells(a[order.column], b[order.column])
		if order.reversed {
			return -result
		}
		return result
	})
	return rows
}

func compareCells(a, b any) int {
	m, isNumber := a.(float64)
	n, areNumbers := b.(float64)
	if isNumber && areNumbers {
		return cmp.Compare(n, m)
	}
	return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b))
}

// lines draws the table. The column that sorts it has an arrow. Units are beside the values, not in the titles.
func (t *topTable) lines(order topOrder, now time.Time) []string {
	grid := [][]string{{}}
	for _, column := range t.columns {
		title := strings.ReplaceAll(strings.TrimSuffix(strings.TrimSuffix(column, "_ms"), "_bytes"), "_", " ")
		if column == order.column {
			title += map[bool]string{false: " ▼", true: " ▲"}[order.reversed]
		}
		grid[0] = append(grid[0], title)
	}
	for _, row := range t.sorted(order) {
		var cells []string
		for _, column := range t.columns {
			cells = append(cells, cellText(column, row[column], now))
		}
		grid = append(grid, cells)
	}
	widths := make([]int, len(t.columns))
	for _, cells := range grid {
		for i, cell := range cells {
			widths[i] = max(widths[i], min(ansi.StringWidth(cell), maxCell))
		}
	}
	var lines []string
	for _, cells := range grid {
		var line strings.Builder
		for i, cell := range cells {
			cell = ansi.Truncate(cell, maxCell, "…")
			gap := strings.Repeat(" ", widths[i]-ansi.StringWidth(cell))
			if _, isNumber := t.rows[0][t.columns[i]].(float64); isNumber {
				line.WriteString(gap + cell + "  ")
			} else {
				line.WriteString(cell + gap + "  ")
			}
		}
		lines = append(lines, strings.TrimRight(line.String(), " "))
	}
	return lines
}

// maxCell is how wide a cell may be.
const maxCell = 40

// timeColumns have times. What looks like one in another column is a name that somebody has given.
var timeColumns = []string{"since", "heard"}

// cellText is a value as people read it. Nothing in it is taken for a command by a terminal.
func cellText(column string, value any, now time.Time) string {
	switch value := value.(type) {
	case nil:
		return ""
	case bool:
		return map[bool]string{false: "no", true: "yes"}[value]
	case float64:
		switch {
		case column == "bytes" || strings.HasSuffix(column, "_bytes"):
			return byteText(value)
		case strings.HasSuffix(column, "_ms"):
			return fmt.Sprintf("%.4g ms", value)
		}
		return countText(value)
	case string:
		if at, err := time.Parse(time.RFC3339Nano, value); err == nil && slices.Contains(timeColumns, column) {
			return max(0, now.Sub(at)).Round(time.Second).String() + " ago"
		}
		return printable(value)
	}
	return printable(fmt.Sprint(value))
}

// printable has a mark in place of each character that a terminal may take for a command.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '�'
	}, text)
}
