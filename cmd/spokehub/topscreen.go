package main

import (
	"context"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
)

// topScreen is spokehub top in a terminal. It belongs to the goroutine of its tea.Program.
type topScreen struct {
	ctx      context.Context
	source   *topSource
	interval time.Duration
	view     topView
	width    int
	height   int
}

// topReply is what came of a question: an answer, or why there is none.
type topReply struct {
	answer  *topAnswer
	failure string
	at      time.Time
}

// topDue says that it is time for the next question.
type topDue struct{}

func (s *topScreen) Init() tea.Cmd { return s.ask() }

// ask puts a question with what is known now. The reason of a failure leaves out the address, which is the same each time.
func (s *topScreen) ask() tea.Cmd {
	since := s.view.since()
	return func() tea.Msg {
		answer, err := s.source.ask(s.ctx, since)
		reply := topReply{answer: answer, at: time.Now()}
		if err != nil {
			reply.failure = strings.TrimPrefix(err.Error(), s.source.url+": ")
		}
		return reply
	}
}

// Update takes a key, an answer, or that it is time. Each question is followed by the next one, an interval later.
func (s *topScreen) Update(message tea.Msg) (tea.Model, tea.Cmd) {
	switch m := message.(type) {
	case tea.WindowSizeMsg:
		s.width, s.height = m.Width, m.Height
	case tea.KeyPressMsg:
		return s, s.press(m.String())
	case topDue:
		if s.view.paused {
			return s, s.wait()
		}
		return s, s.ask()
	case topReply:
		if m.answer == nil {
			s.view.fail(m.failure, m.at)
		} else if !s.view.paused && s.view.take(m.answer) {
			return s, s.ask()
		}
		return s, s.wait()
	}
	return s, nil
}

func (s *topScreen) wait() tea.Cmd {
	return tea.Tick(s.interval, func(time.Time) tea.Msg { return topDue{} })
}

func (s *topScreen) press(key string) tea.Cmd {
	switch key {
	case "q", "esc", "ctrl+c":
		return tea.Quit
	case "p", "space":
		s.view.paused = !s.view.paused
	case "tab":
		s.view.choose(1)
	case "shift+tab":
		s.view.choose(-1)
	case "left":
		s.view.sortBy(-1)
	case "right":
		s.view.sortBy(1)
	case "up", "down":
		s.view.turnAround(key == "up")
	}
	return nil
}

func (s *topScreen) View() tea.View {
	width, height := s.width, s.height
	if width == 0 {
		width, height = 100, 24
	}
	v := tea.NewView(s.view.text(width, height, terminalLook))
	v.AltScreen = true
	v.WindowTitle = "spokehub top"
	return v
}

// table is the one that was chosen, or else the first, or nil.
func (v *topView) table() *topTable {
	if v.answer == nil || len(v.answer.lists) == 0 {
		return nil
	}
	i := slices.IndexFunc(v.answer.lists, func(t topTable) bool { return t.name == v.chosen })
	return &v.answer.lists[max(i, 0)]
}

// choose goes by tables from the chosen one.
func (v *topView) choose(by int) {
	if v.answer == nil || len(v.answer.lists) == 0 {
		return
	}
	lists := v.answer.lists
	i := max(0, slices.IndexFunc(lists, func(t topTable) bool { return t.name == v.chosen }))
	v.chosen = lists[(i+by+len(lists))%len(lists)].name
}

// sortBy goes by columns from the one that sorts the chosen table.
func (v *topView) sortBy(by int) {
	table := v.table()
	if table == nil {
		return
	}
	i := slices.Index(table.columns, v.orders[table.name].column)
	if i < 0 && by < 0 {
		i = 0
	}
	n := len(table.columns)
	v.order(table, topOrder{column: table.columns[(i+by+n)%n]})
}

// turnAround sorts the chosen table the other way.
func (v *topView) turnAround(reversed bool) {
	if table := v.table(); table != nil {
		order := topOrder{column: v.orders[table.name].column, reversed: reversed}
		if order.column == "" {
			order.column = table.columns[0]
		}
		v.order(table, order)
	}
}

func (v *topView) order(table *topTable, order topOrder) {
	if v.orders == nil {
		v.orders = map[string]topOrder{}
	}
	v.chosen, v.orders[table.name] = table.name, order
}
