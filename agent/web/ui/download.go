package ui

import (
	"bytes"
	"io"
	"mime"
	"net/http"
	"strconv"
)

// TypeXLSX is the media type of a workbook.
const TypeXLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

// Download is a file for the reader. Its name says what it is, and names nobody.
type Download struct {
	Name  string
	Type  string // media type
	Write func(io.Writer) error
	Body  []byte // the file, where it is whole already and Write is nil
}

func (a Download) write(s *Site, w http.ResponseWriter, q *Request) {
	// Written whole before the first byte is sent, so that what goes wrong is said
	// on a page and not in half a file.
	body := a.Body
	if a.Write != nil {
		var b bytes.Buffer
		if err := a.Write(&b); err != nil {
			s.fail(w, q, err, http.StatusConflict)
			return
		}
		body = b.Bytes()
	}
	allowTime(w, int64(len(body)))
	w.Header().Set("Content-Type", a.Type)
	w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": a.Name}))
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.Write(body)
}
