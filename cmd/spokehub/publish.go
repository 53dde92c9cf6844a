package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"

	"github.com/spokehub/spokehub/event"
)

const (
	publishErrorsListed = 100
	publishStall        = 30 * time.Second
)

// publisher answers POST /publish. The body holds one envelope a line, or, with
// Content-Type application/json, one envelope that may be spread over lines.
// It is read a line at a time and every good line is dispatched as it is read,
// so a body of any length costs one line of memory.
type publisher struct {
	dispatch func(event.Event) bool
	maxLine  int
	maxBody  int64
}

// publishReport is the answer.
type publishReport struct {
	Accepted      int            `json:"accepted"`
	Rejected      int            `json:"rejected"`
	Errors        []publishError `json:"errors,omitempty"`
	ErrorsOmitted int            `json:"errors_omitted,omitempty"`
}

// publishError says what is wrong with a line, the first of which is 1.
type publishError struct {
	Line  int    `json:"line"`
	Error string `json:"error"`
}

func (r *publishReport) reject(line int, err error) {
	r.Rejected++
	if len(r.Errors) == publishErrorsListed {
		r.ErrorsOmitted++
		return
	}
	r.Errors = append(r.Errors, publishError{line, err.Error()})
}

// ServeHTTP answers 200 when an envelope was accepted, 400 when none was or
// the body broke off, and 413 when the body was longer than allowed; what was
// read until then stays published. Of a body that says ahead that it is too
// long, nothing is. The counts are in the answer each time.
func (p publisher) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength > p.maxBody {
		var report publishReport
		report.reject(1, fmt.Errorf("a body of %d bytes, longer than %s: nothing was published, see --publish-limit", r.ContentLength, byteSize(p.maxBody)))
		answerPublish(w, http.StatusRequestEntityTooLarge, report)
		return
	}
	body := &patientReader{http.MaxBytesReader(w, r.Body, p.maxBody), http.NewResponseController(w)}
	var report publishReport
	var err error
	if isJSON(r.Header.Get("Content-Type")) {
		err = p.publishOne(body, &report)
	} else {
		err = p.publishLines(body, &report)
	}
	status := http.StatusOK
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		status = http.StatusRequestEntityTooLarge
	case err != nil || report.Accepted == 0:
		status = http.StatusBadRequest
	}
	answerPublish(w, status, report)
}

func answerPublish(w http.ResponseWriter, status int, report publishReport) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(report)
}

func isJSON(contentType string) bool {
	mediaType, _, err := mime.ParseMediaType(contentType)
	return err == nil && mediaType == "application/json"
}

// publishOne reads a body that is one envelope.
func (p publisher) publishOne(body io.Reader, report *publishReport) error {
	envelope, err := io.ReadAll(io.LimitReader(body, int64(p.maxLine)+1))
	switch {
	case err != nil:
		report.reject(1, fmt.Errorf("read the body: %w", err))
	case len(envelope) > p.maxLine:
		report.reject(1, errLineTooLong(p.maxLine))
	default:
		p.publish(1, envelope, report)
	}
	return err
}

// publishLines reads a body of many envelopes. An empty line is skipped.
func (p publisher) publishLines(body io.Reader, report *publishReport) error {
	lines := bufio.NewReaderSize(body, p.maxLine+len("\r\n"))
	for number := 1; ; number++ {
		line, err := lines.ReadSlice('\n')
		if err == bufio.ErrBufferFull {
			report.reject(number, errLineTooLong(p.maxLine))
			err = skipLine(lines)
			line = nil
		}
		if err != nil && err != io.EOF {
			report.reject(number, fmt.Errorf("read the body: %w", err))
			return err
		}
		if line = bytes.TrimSpace(line); len(line) > 0 {
			p.publish(number, line, report)
		}
		if err == io.EOF {
			return nil
		}
	}
}

func skipLine(lines *bufio.Reader) error {
	for {
		if _, err := lines.ReadSlice('\n'); err != bufio.ErrBufferFull {
			return err
		}
	}
}

func errLineTooLong(limit int) error {
	return fmt.Errorf("longer than %s, see --max-message and --queue-limit", byteSize(limit))
}

func (p publisher) publish(number int, envelope []byte, report *publishReport) {
	e, err := event.Parse(envelope)
	if err != nil {
		report.reject(number, err)
		return
	}
	p.dispatch(e)
	report.Accepted++
}

// patientReader reads a body for as long as it keeps coming: it gives every
// read publishStall, and not the body as a whole.
type patientReader struct {
	body     io.Reader
	deadline *http.ResponseController
}

func (r *patientReader) Read(p []byte) (int, error) {
	if err := r.deadline.SetReadDeadline(time.Now().Add(publishStall)); err != nil {
		return 0, fmt.Errorf("set the deadline of a read: %w", err)
	}
	return r.body.Read(p)
}
