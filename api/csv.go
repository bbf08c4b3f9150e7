package api

import (
	"context"
	"encoding/csv"
	"io"
	"iter"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tizilim/tizilim/api/i18n"
	"github.com/tizilim/tizilim/api/v1"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/regulation"
	"github.com/tizilim/tizilim/projections/licenses"
)

// csvPage is how many licenses are read at a time: the answer is streamed, never held as a whole.
const csvPage = 500

// csvColumns are the texts over the columns, in the order of csvRow.
var csvColumns = []string{
	"license.number", "license.kind", "license.status", "license.service", "license.activity", "license.id", "license.licensee",
	"license.address", "license.licensor", "license.issued-on", "license.first-issued-on", "license.valid-until", "license.copies",
	"license.predecessor", "license.successor",
}

type csvInput struct {
	SearchInput
	Lang string `query:"lang" enum:"kk,ru,en" doc:"Language of the table; that of Accept-Language where absent"`
}

// searchCSV answers the same search as searchLicenses, all pages in one table.
func (s *Server) searchCSV(ctx context.Context, in *csvInput) (*huma.StreamResponse, error) {
	speak(ctx, in.Lang)
	q, err := s.query(in.SearchInput)
	if err != nil {
		return nil, err
	}
	q.Limit = csvPage
	position := s.cfg.Licenses.Position()
	page, err := s.cfg.Licenses.Search(ctx, q)
	if err != nil {
		return nil, searchFault(q, err)
	}
	if err := s.accessedLicenses(ctx, page.Licenses...); err != nil { // while an answer can still refuse
		return nil, err
	}
	return s.table("licenses.csv", position, csvColumns, s.licenseRows(ctx, q, page)), nil
}

// licenseRows are the rows of a search from its first page on.
func (s *Server) licenseRows(ctx context.Context, q licenses.Query, page licenses.Page) iter.Seq2[[]string, error] {
	v := visitOf(ctx)
	return func(yield func([]string, error) bool) {
		for {
			if err := s.accessedLicenses(ctx, page.Licenses...); err != nil {
				yield(nil, err)
				return
			}
			for _, l := range page.Licenses {
				if !yield(s.csvRow(wireLicense(l, v.caller), v.lang), nil) {
					return
				}
			}
			if page.Next == "" {
				return
			}
			q.Cursor = page.Next
			var err error
			if page, err = s.cfg.Licenses.Search(ctx, q); err != nil {
				yield(nil, err)
				return
			}
		}
	}
}

// table answers with a table of the columns, whose texts have these keys. Tables are for people with a
// spreadsheet (programs have the JSON routes): everything is in the language of ?lang=, or else of the
// caller. They begin with a byte order mark, without which spreadsheets misread Cyrillic.
func (s *Server) table(file string, position domain.Position, columns []string, rows iter.Seq2[[]string, error]) *huma.StreamResponse {
	return s.stream(func(w http.ResponseWriter, r *http.Request) error {
		h, lang := w.Header(), visitOf(r.Context()).lang
		h.Set("Content-Type", "text/csv; charset=utf-8")
		h.Set("Content-Disposition", `attachment; filename="`+file+`"`)
		h.Set(positionHeader, positionText(position))
		h.Set("Content-Language", lang)
		if err := s.writeCSV(w, lang, columns, rows); err != nil {
			// The answer has begun: cut it, so that nobody takes a part for the whole.
			if r.Context().Err() == nil {
				s.log.Error("write csv", "err", err)
			}
			panic(http.ErrAbortHandler)
		}
		return nil
	})
}

func (s *Server) writeCSV(w io.Writer, lang string, columns []string, rows iter.Seq2[[]string, error]) error {
	if _, err := io.WriteString(w, "\ufeff"); err != nil {
		return err
	}
	out := csv.NewWriter(w)
	out.UseCRLF = true // RFC 4180
	if lang != i18n.English {
		out.Comma = ';' // the list separator where the comma is the decimal one, as in Kazakhstan
	}
	head := make([]string, len(columns))
	for i, key := range columns {
		head[i] = s.texts.Text(lang, key)
	}
	if err := out.Write(head); err != nil {
		return err
	}
	for row, err := range rows {
		if err != nil {
			return err
		}
		if err := out.Write(row); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

func (s *Server) csvRow(l v1.License, lang string) []string {
	row := []string{
		l.Number, s.texts.Text(lang, "license.kind."+l.Kind), s.texts.Text(lang, "license-status."+l.Status), s.serviceTitle(lang, l.Service), regulation.Text(l.Activity).In(lang),
		l.Licensee.ID, l.Licensee.Name, l.Licensee.Address, regulation.Text(l.Licensor.Title).In(lang),
		l.IssuedOn, l.FirstIssuedOn, l.ValidUntil, strconv.Itoa(l.Copies), l.Predecessor, l.Successor,
	}
	for i, cell := range row {
		row[i] = safeCell(cell)
	}
	for _, i := range []int{0, 5, 13, 14} { // numbers that are names
		row[i] = digitsCell(row[i])
	}
	return row
}

// digitsCell keeps a spreadsheet from taking an identifier for a number or a date, which would lose its
// leading zeros and show it as 5.07521E+10. Only digits, with points and dashes between them, become such
// a formula, so nothing can hide in it.
func digitsCell(cell string) string {
	if cell == "" || strings.Trim(cell, "0123456789.-") != "" {
		return cell
	}
	return `="` + cell + `"`
}

// safeCell keeps a spreadsheet from taking a text for a formula: such a text gets an apostrophe in
// front (OWASP, CSV injection).
func safeCell(cell string) string {
	if strings.HasPrefix(strings.TrimLeft(cell, " "), "=") || cell != "" && strings.ContainsRune("+-@\t\r\n", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}
