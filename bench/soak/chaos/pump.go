//go:build linux

package main

import (
	"bytes"
	"io"
	"time"
)

const (
	pieceBytes = 4 << 10
	// waitingMost is how many pieces wait for the gate or the delay before the sender is held up, waitingDown how many that the hub sends: it is to notice
	// that a client gets nothing.
	waitingMost = 256
	waitingDown = 8
)

// piece is what came at once, or the end.
type piece struct {
	bytes []byte
	due   time.Time
	end   error
}

// direction is one way of a line. The reader owns nothing of it; the goroutine that passes on owns frames.
type direction struct {
	line   *line
	gate   *gate
	from   io.Reader
	to     io.Writer
	pieces chan piece
	frames scanner
	// orders ask for something to be done between the frames, or inside one.
	orders chan order
	// witness is told of each frame before its last byte is passed on.
	witness func(frame)
}

// order is asked of the goroutine that passes frames down.
type order struct {
	// inside cuts the line in the middle of the next frame; otherwise frame, which may be empty, is sent between two frames, and the line ends.
	inside bool
	frame  []byte
}

func newDirection(l *line, from io.Reader, to io.Writer, waiting int, witness func(frame)) *direction {
	return &direction{
		line: l, gate: newGate(), from: from, to: to, pieces: make(chan piece, waiting), orders: make(chan order, 1), witness: witness,
	}
}

// read takes in what comes until the end, which it hands on behind the rest. It returns the end.
func (d *direction) read() error {
	buffer := make([]byte, pieceBytes)
	for {
		n, err := d.from.Read(buffer)
		due := time.Now().Add(d.line.delay())
		if n > 0 && !d.put(piece{bytes: bytes.Clone(buffer[:n]), due: due}) {
			return nil
		}
		if err != nil {
			d.put(piece{end: err, due: due})
			return err
		}
	}
}

func (d *direction) put(p piece) bool {
	select {
	case d.pieces <- p:
		return true
	case <-d.line.done:
		return false
	}
}

// pass passes on what was read, each piece when it is due and the gate is open, until the end of the line.
func (d *direction) pass() {
	var standing order
	for {
		select {
		case <-d.line.done:
			return
		case standing = <-d.orders:
			if !standing.inside && d.frames.atBoundary() && d.await(time.Time{}) {
				d.finish(standing)
				return
			}
		case p := <-d.pieces:
			if !d.await(p.due) {
				return
			}
			if p.end != nil {
				d.line.end(p.end == io.EOF, d == d.line.up)
				return
			}
			if !d.forward(p.bytes, standing) {
				return
			}
		}
	}
}

// await waits for the time and for the gate. It returns false at the end of the line.
func (d *direction) await(due time.Time) bool {
	if wait := time.Until(due); wait > 0 {
		select {
		case <-time.After(wait):
		case <-d.line.done:
			return false
		}
	}
	select {
	case <-d.gate.through():
		return true
	case <-d.line.done:
		return false
	}
}

// forward passes a piece on as far as the order allows, and tells the witness of its frames first. It returns false if the line has ended.
func (d *direction) forward(view []byte, standing order) bool {
	ordered := standing.inside || standing.frame != nil
	boundary, next := -1, len(view)
	if d.frames.atBoundary() {
		boundary = 0
	}
	err := d.frames.feed(view, func(f frame, end int) {
		if ordered && boundary >= 0 {
			next = min(next, end)
			return
		}
		d.witness(f)
		if ordered {
			boundary = end
		}
	})
	if err != nil {
		d.line.broken(err)
		return false
	}
	switch {
	case !ordered || boundary < 0 || standing.inside && boundary == len(view):
		_, err := d.to.Write(view)
		return err == nil
	case standing.inside:
		d.to.Write(view[:boundary+(next-boundary)/2])
		d.line.end(true, false)
	default:
		d.to.Write(view[:boundary])
		d.finish(standing)
	}
	return false
}

// finish sends the ordered frame, which ends the line.
func (d *direction) finish(standing order) {
	d.to.Write(standing.frame)
	d.line.end(true, false)
}
