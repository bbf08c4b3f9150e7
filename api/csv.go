package api

import (
	"cmp"
	"context"
	"encoding/csv"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tizilim/tizilim/api/i18n"
	"github.com/tizilim/tizilim/api/v1"
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

// searchCSV answers the same search as searchLicenses, all pages in one table. The table is for people
// with a spreadsheet (programs have the JSON route): everything is in the language of ?lang=, or else of
// the caller. It begins with a byte order mark, without which spreadsheets misread Cyrillic.
func (s *Server) searchCSV(ctx context.Context, in *csvInput) (*huma.StreamResponse, error) {
	v := visitOf(ctx)
	v.lang = cmp.Or(in.Lang, v.lang)
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
	return s.stream(func(w http.ResponseWriter, r *http.Request) error {
		h := w.Header()
		h.Set("Content-Type", "text/csv; charset=utf-8")
		h.Set("Content-Disposition", `attachment; filename="licenses.csv"`)
		h.Set(positionHeader, positionText(position))
		h.Set("Content-Language", v.lang)
		if err := s.writeCSV(w, r, q, page); err != nil {
			// The answer has begun: cut it, so that nobody takes a part for the whole.
			if r.Context().Err() == nil {
				s.log.Error("write csv", "err", err)
			}
			panic(http.ErrAbortHandler)
		}
		return nil
	}), nil
}

func (s *Server) writeCSV(w io.Writer, r *http.Request, q licenses.Query, page licenses.Page) error {
	if _, err := io.WriteString(w, "\ufeff"); err != nil {
		return err
	}
	v := visitOf(r.Context())
	out := csv.NewWriter(w)
	out.UseCRLF = true // RFC 4180
	if v.lang != i18n.English {
		out.Comma = ';' // the list separator where the comma is the decimal one, as in Kazakhstan
	}
	head := make([]string, len(csvColumns))
	for i, key := range csvColumns {
		head[i] = s.texts.Text(v.lang, key)
	}
	if err := out.Write(head); err != nil {
		return err
	}
	for {
		for _, l := range page.Licenses {
			if err := out.Write(s.csvRow(wireLicense(l, v.caller), v.lang)); err != nil {
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

func (s *Server) csvRow(l v1.License, lang string) []string {
	kind, service := "license.kind."+l.Kind, l.Service
	if found, err := s.cfg.Rules().Catalog.InForce(l.Service, s.cfg.Now()); err == nil { // else its slug has to do
		service = found.Title.In(lang)
	}
	row := []string{
		l.Number, s.texts.Text(lang, kind), s.texts.Text(lang, "license-status."+l.Status), service, regulation.Text(l.Activity).In(lang),
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

// digitsCell keeps a spreadsheet from taking an identifier for a number, which would lose its leading
// zeros and show it as 5.07521E+10. Only digits become such a formula, so nothing can hide in it.
func digitsCell(cell string) string {
	if cell == "" || strings.Trim(cell, "0123456789") != "" {
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
