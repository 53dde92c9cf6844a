package main

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/spokehub/spokehub/fanout"
)

func TestReactorsAreSortedByHowBusyTheyAre(t *testing.T) {
	board := &reactorBoard{}
	board.look([]fanout.ReactorStats{{Up: time.Second}, {Up: time.Second}, {Up: time.Second, Busy: time.Second}})
	board.look([]fanout.ReactorStats{
		{Up: 3 * time.Second, Busy: 180 * time.Millisecond}, {Up: 3 * time.Second, Busy: 2 * time.Second}, {Up: 3 * time.Second, Busy: time.Second},
	})
	text, err := json.Marshal(board.answers())
	if err != nil {
		t.Fatal(err)
	}
	table, err := readTable("reactors", text)
	if err != nil {
		t.Fatal(err)
	}
	for i, row := range table.sorted(topOrder{column: "busy_percent"}) {
		if want := [][2]float64{{1, 100}, {0, 9}, {2, 0}}[i]; row["reactor"] != want[0] || row["busy_percent"] != want[1] {
			t.Errorf("row %d: got reactor %v, busy for %v %%, want %v", i, row["reactor"], row["busy_percent"], want)
		}
	}
}
