package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tizilim/tizilim/api/v1"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/application"
)

// maxDocument bounds an uploaded file: 10 MiB.
const maxDocument = 10 << 20

const uploadPattern = "POST /api/v1/applications/{id}/documents"

// fileTypes are the kinds of file accepted as documents. None of them is what a browser runs.
var fileTypes = map[string]bool{
	"application/pdf": true, "image/png": true, "image/jpeg": true, "image/tiff": true, "text/plain": true,
	"application/zip": true, "application/msword": true, "application/vnd.ms-excel": true, "application/rtf": true,
	"application/vnd.openxmlformats-officedocument.wordprocessingml.document": true,
	"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet":       true,
	"application/vnd.oasis.opendocument.text":                                 true,
	"application/vnd.oasis.opendocument.spreadsheet":                          true,
	"application/pkcs7-signature":                                             true,
}

// upload stores a file; it becomes a document of the application when the form names it. It makes no
// event, and the same bytes are the same file, so a repetition changes nothing.
func (s *Server) upload(w http.ResponseWriter, r *http.Request) error {
	state, err := s.load(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	if err := visitOf(r.Context()).caller.mayEnter(state); err != nil {
		return err
	}
	if state.Step == 0 {
		return domain.Reject("application-closed", "the procedure is over")
	}
	defer hurry(w, uploadTime)()
	// The headers of a multipart body need some room besides the file.
	r.Body = http.MaxBytesReader(w, r.Body, maxDocument+64<<10)
	content, name, media, err := file(r)
	if err != nil {
		return err
	}
	sha, size, err := s.cfg.Blobs.Put(r.Context(), content, maxDocument)
	if err != nil {
		return bodyError(err, maxDocument)
	}
	if size == 0 {
		return fail("file-empty", errUnprocessable)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	return json.NewEncoder(w).Encode(v1.Uploaded{SHA256: sha, Size: size, Name: name, MediaType: media})
}

// file finds the file in the body: the body itself with Content-Type and Content-Disposition, or the
// first file of a multipart form.
func file(r *http.Request) (content io.Reader, name, media string, err error) {
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return nil, "", "", fail("file-type-unsupported", errMediaType)
	}
	disposition := r.Header.Get("Content-Disposition")
	content = r.Body
	if media == "multipart/form-data" {
		part, err := firstFile(multipart.NewReader(r.Body, params["boundary"]))
		if err != nil {
			return nil, "", "", err
		}
		content, disposition = part, part.Header.Get("Content-Disposition")
		if media, _, err = mime.ParseMediaType(part.Header.Get("Content-Type")); err != nil {
			return nil, "", "", fail("file-type-unsupported", errMediaType)
		}
	}
	if !fileTypes[media] {
		return nil, "", "", fail("file-type-unsupported", fmt.Errorf("%.80q: %w", media, errMediaType))
	}
	name, err = filename(disposition)
	return content, name, media, err
}

func firstFile(reader *multipart.Reader) (*multipart.Part, error) {
	for range 20 {
		part, err := reader.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, bodyError(err, maxDocument)
		}
		if part.FileName() != "" {
			return part, nil
		}
	}
	return nil, fail("file-name-invalid", fmt.Errorf("no file in the form: %w", domain.ErrInvalid))
}

// filename reads the name of a file from Content-Disposition, also in its RFC 5987 form.
func filename(disposition string) (string, error) {
	_, params, err := mime.ParseMediaType(disposition)
	name := params["filename"]
	control := func(c rune) bool { return unicode.IsControl(c) || c == '/' || c == '\\' || c == utf8.RuneError }
	if n := utf8.RuneCountInString(name); err != nil || n < 1 || n > 200 || strings.ContainsFunc(name, control) {
		return "", fail("file-name-invalid", fmt.Errorf("content disposition: %w", domain.ErrInvalid))
	}
	return name, nil
}

// documents looks the named files up: their sizes and types are what was stored, not what is claimed.
func (s *Server) documents(ctx context.Context, attached []v1.Attached) ([]application.Document, error) {
	var documents []application.Document
	for i, a := range attached {
		content, size, err := s.cfg.Blobs.Get(ctx, a.SHA256)
		if errors.Is(err, domain.ErrNotFound) {
			return nil, unfit("document-unknown", field{location: "body.documents[" + strconv.Itoa(i) + "].sha256", key: "field.not-uploaded"})
		}
		if err != nil {
			return nil, fmt.Errorf("document %d: %w", i, err)
		}
		start := make([]byte, 512)
		n, err := io.ReadFull(content, start)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = nil
		}
		if err = errors.Join(err, content.Close()); err != nil {
			return nil, fmt.Errorf("document %d: %w", i, err)
		}
		documents = append(documents, application.Document{
			Name: a.Name, MediaType: mediaType(start[:n]), Size: size, SHA256: a.SHA256, Paper: a.Paper,
		})
	}
	return documents, nil
}

// mediaType tells a file's type from its first bytes, application/octet-stream where they do not say.
func mediaType(start []byte) string {
	media, _, _ := strings.Cut(http.DetectContentType(start), ";")
	if fileTypes[media] {
		return media
	}
	return "application/octet-stream"
}

var digestForm = regexp.MustCompile(`^[0-9a-f]{64}$`)

// download gives a document of an application to whoever sees the application.
func (s *Server) download(w http.ResponseWriter, r *http.Request) error {
	state, err := s.load(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	sha := r.PathValue("sha256")
	for _, d := range state.Documents {
		if d.SHA256 == sha && digestForm.MatchString(sha) {
			if err := s.accessed(r.Context(), subject{"document", sha, state.Applicant.ID}); err != nil {
				return err
			}
			return s.send(w, r, d)
		}
	}
	return fmt.Errorf("document of %s: %w", state.ID, domain.ErrNotFound)
}

func (s *Server) send(w http.ResponseWriter, r *http.Request, d application.Document) error {
	content, size, err := s.cfg.Blobs.Get(r.Context(), d.SHA256)
	if err != nil {
		return fmt.Errorf("file of a document: %w", err)
	}
	defer content.Close()
	h := w.Header()
	h.Set("Content-Type", d.MediaType)
	h.Set("Content-Length", strconv.FormatInt(size, 10))
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": d.Name}))
	h.Set("ETag", `"`+d.SHA256+`"`)
	if _, err := io.Copy(w, content); err != nil {
		// The answer has begun: cut it, so that nobody takes a part for the whole.
		s.log.Error("send a document", "route", visitOf(r.Context()).pattern, "err", err)
		panic(http.ErrAbortHandler)
	}
	return nil
}
