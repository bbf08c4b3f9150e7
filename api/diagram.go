package api

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tizilim/tizilim/api/web"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/domain/regulation"
	"github.com/tizilim/tizilim/domain/regulation/diagram"
)

// InLanguage says which language a drawing speaks.
type InLanguage struct {
	Lang string `query:"lang" enum:"kk,ru,en" doc:"Language of the drawing; that of Accept-Language where absent"`
}

type procedureDrawing struct {
	ByChannel
	InLanguage
}

func (s *Server) drawProcedure(ctx context.Context, in *procedureDrawing) (*huma.StreamResponse, error) {
	return s.draw(ctx, in, mediaSVG, "svg", func(w io.Writer, p *regulation.Procedure, lang string) error {
		return diagram.SVG(w, p, diagram.Options{Lang: lang})
	})
}

func (s *Server) modelProcedure(ctx context.Context, in *procedureDrawing) (*huma.StreamResponse, error) {
	return s.draw(ctx, in, mediaBPMN, "bpmn", diagram.BPMN)
}

// The media types of a drawing.
const (
	mediaSVG  = "image/svg+xml"
	mediaBPMN = "application/xml"
)

// draw answers with the procedure in one of its forms. The same procedure is the same bytes, so whoever
// has them only asks whether they still are.
func (s *Server) draw(ctx context.Context, in *procedureDrawing, media, extension string,
	form func(io.Writer, *regulation.Procedure, string) error) (*huma.StreamResponse, error) {
	v := visitOf(ctx)
	v.lang = cmp.Or(in.Lang, v.lang)
	procedure, err := s.procedure(in.ByChannel)
	if err != nil {
		return nil, err
	}
	var drawing bytes.Buffer
	if err := form(&drawing, procedure, v.lang); err != nil {
		return nil, undrawable(err)
	}
	return s.stream(func(w http.ResponseWriter, r *http.Request) error {
		h, sum := w.Header(), sha256.Sum256(drawing.Bytes())
		h.Set("ETag", `"`+hex.EncodeToString(sum[:8])+`"`)
		h.Set("Cache-Control", "no-cache") // kept, and asked for again every time
		h.Set("Content-Disposition", fmt.Sprintf(`inline; filename="%s-%s.%s.%s"`, in.Slug, in.Channel, v.lang, extension))
		sendDrawing(w, r, media, v.lang, drawing.Bytes())
		return nil
	}), nil
}

type applicationDrawing struct {
	ByID
	InLanguage
}

// drawApplication answers with the procedure in the wording that the application is on, and its way
// through it. It is as private as the application, and changes with it and with the clock.
func (s *Server) drawApplication(ctx context.Context, in *applicationDrawing) (*huma.StreamResponse, error) {
	v := visitOf(ctx)
	v.lang = cmp.Or(in.Lang, v.lang)
	state, err := s.load(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	procedure, err := s.followed(state)
	if err != nil {
		return nil, err
	}
	position := s.cfg.Deadlines.Position()
	visits, err := s.visits(ctx, state.ID, s.cfg.Now(), true)
	if err != nil {
		return nil, err
	}
	var drawing bytes.Buffer
	if err := diagram.SVG(&drawing, procedure, diagram.Options{Lang: v.lang, Path: web.Path(visits)}); err != nil {
		return nil, undrawable(err)
	}
	return s.stream(func(w http.ResponseWriter, r *http.Request) error {
		w.Header().Set(positionHeader, positionText(position))
		sendDrawing(w, r, mediaSVG, v.lang, drawing.Bytes())
		return nil
	}), nil
}

// followed is the procedure that the application follows to its end.
func (s *Server) followed(state application.State) (*regulation.Procedure, error) {
	service, err := s.cfg.Rules().Catalog.Wording(state.Act, state.Wording, state.Service)
	if err != nil {
		return nil, undrawable(err)
	}
	procedure, err := service.Procedure(state.Channel)
	if err != nil {
		return nil, undrawable(err)
	}
	return procedure, nil
}

// undrawable is an error of what the registry itself has: no request could do better.
func undrawable(err error) error { return fmt.Errorf("%w: %w", domain.ErrDamaged, err) }

// sendDrawing writes the answer, or says that whoever asks has it.
func sendDrawing(w http.ResponseWriter, r *http.Request, media, lang string, drawing []byte) {
	h := w.Header()
	h.Set("Content-Type", media)
	h.Set("Content-Language", lang)
	h.Set("Vary", "Accept-Language")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(drawing))
}
