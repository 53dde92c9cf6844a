package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
)

// readOrder reads the body of a request, which has been taken, into what order points to. Its members are those known. A query is a mistake:
// a condition that stands there would be left out, and the order would reach more than it is meant for.
func readOrder(r *http.Request, order any, known ...string) error {
	if r.URL.RawQuery != "" {
		return errors.New("the query of an order is not read: name everything in the body, which is a JSON object")
	}
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(order); err != nil {
		return orderMistake(err, strings.Join(known, ", "))
	}
	if _, err := decoder.Token(); err != io.EOF {
		return errors.New("the body has more than one JSON object")
	}
	return nil
}

// orderMistake says what is wrong with a body in the words of who has sent it.
func orderMistake(err error, known string) error {
	if err == io.EOF {
		return fmt.Errorf("the body is empty: want a JSON object with %s", known)
	}
	var mismatch *json.UnmarshalTypeError
	if errors.As(err, &mismatch) {
		if mismatch.Field == "" {
			return fmt.Errorf("the body is a JSON %s: want an object with %s", mismatch.Value, known)
		}
		return fmt.Errorf("%s: got the JSON %s, want %s", mismatch.Field[strings.LastIndexByte(mismatch.Field, '.')+1:], mismatch.Value, jsonOf(mismatch.Type))
	}
	text := strings.TrimPrefix(err.Error(), "json: ")
	if name, isUnknown := strings.CutPrefix(text, "unknown field "); isUnknown {
		return fmt.Errorf("the body has %s, which is unknown: there are %s", name, known)
	}
	return fmt.Errorf("the body is not valid JSON (%s): want an object with %s", text, known)
}

// jsonOf is what of JSON a member of that type takes.
func jsonOf(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Slice:
		return "an array of strings"
	}
	return fmt.Sprintf("a whole number from 0 to %d", uint64(1)<<t.Bits()-1)
}
