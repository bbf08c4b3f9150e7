package api

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/tizilim/tizilim/api/v1"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/projections/licenses"
)

// csvPage is how many licenses are read at a time: the answer is streamed, never held as a whole.
const csvPage = 500

var csvColumns = []string{
	"number", "kind", "status", "service", "activity", "licensee_id", "licensee_name", "licensee_address",
	"licensor", "issued_on", "first_issued_on", "valid_until", "copies", "predecessor", "successor",
}

// searchCSV answers the same search as searchLicenses, all pages in one table. Wordings are in the
// caller's language. It begins with a byte order mark, without which spreadsheets misread Cyrillic.
func (s *Server) searchCSV(w http.ResponseWriter, r *http.Request) error {
	in, err := csvInput(r)
	if err != nil {
		return err
	}
	q, err := in.query(s.cfg.Now())
	if err != nil {
		return err
	}
	q.Limit = csvPage
	position := s.cfg.Licenses.Position()
	page, err := s.cfg.Licenses.Search(r.Context(), q)
	if err != nil {
		return searchFault(q, err)
	}
	h := w.Header()
	h.Set("Content-Type", "text/csv; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="licenses.csv"`)
	h.Set(positionHeader, positionText(position))
	h.Set("Content-Language", visitOf(r.Context()).lang)
	if err := s.writeCSV(w, r, q, page); err != nil {
		// The answer has begun: cut it, so that nobody takes a part for the whole.
		if r.Context().Err() == nil {
			s.log.Error("write csv", "err", err)
		}
		panic(http.ErrAbortHandler)
	}
	return nil
}

func (s *Server) writeCSV(w io.Writer, r *http.Request, q licenses.Query, page licenses.Page) error {
	if _, err := io.WriteString(w, "\ufeff"); err != nil {
		return err
	}
	out := csv.NewWriter(w)
	out.UseCRLF = true // RFC 4180
	if err := out.Write(csvColumns); err != nil {
		return err
	}
	v := visitOf(r.Context())
	for {
		for _, l := range page.Licenses {
			if err := out.Write(csvRow(wireLicense(l, v.caller), v.lang)); err != nil {
				return err
			}
		}
		if page.Next == "" {
			out.Flush()
			return out.Error()
		}
		q.Cursor = page.Next
		var err error
		if page, err = s.cfg.Licenses.Search(r.Context(), q); err != nil {
			return err
		}
	}
}

func csvRow(l v1.License, lang string) []string {
	row := []string{
		l.Number, l.Kind, l.Status, l.Service, wording(l.Activity, lang), l.Licensee.ID, l.Licensee.Name, l.Licensee.Address,
		l.Licensor.Slug, l.IssuedOn, l.FirstIssuedOn, l.ValidUntil, fmt.Sprint(l.Copies), l.Predecessor, l.Successor,
	}
	for i, cell := range row {
		row[i] = safeCell(cell)
	}
	return row
}

// safeCell keeps a spreadsheet from taking a text for a formula: such a text gets an apostrophe in
// front (OWASP, CSV injection).
func safeCell(cell string) string {
	if strings.HasPrefix(strings.TrimLeft(cell, " "), "=") || cell != "" && strings.ContainsRune("+-@\t\r\n", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}

// wording is the text in the language, or in the first one of ru, kk, en that there is.
func wording(t map[string]string, lang string) string {
	for _, l := range []string{lang, "ru", "kk", "en"} {
		if t[l] != "" {
			return t[l]
		}
	}
	return ""
}

// csvInput reads the query, as strictly as huma reads that of the JSON route.
func csvInput(r *http.Request) (SearchInput, error) {
	var in SearchInput
	targets := map[string]*string{
		"number": &in.Number, "bin": &in.BIN, "iin": &in.IIN, "q": &in.Q, "service": &in.Service,
		"licensor": &in.Licensor, "status": &in.Status, "as_of": &in.AsOf, "known_at": &in.KnownAt,
	}
	var fields []v1.FieldError
	for name, values := range r.URL.Query() {
		target, ok := targets[name]
		if !ok || len(values) != 1 || len(values[0]) > 400 {
			fields = append(fields, v1.FieldError{Location: "query." + name, Message: "unknown, given twice, or too long"})
			continue
		}
		*target = values[0]
	}
	statuses := map[string]bool{"": true, "active": true, "suspended": true, "reissued": true, "terminated": true, "expired": true}
	if !statuses[in.Status] {
		fields = append(fields, v1.FieldError{Location: "query.status", Message: "expected one of active, suspended, reissued, terminated, expired"})
	}
	if fields != nil {
		return in, &fault{code: "parameter-invalid", err: errors.Join(errUnprocessable, domain.ErrInvalid), fields: fields}
	}
	return in, nil
}
